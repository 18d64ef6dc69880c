"""What people of the synthetic world wear and carry."""
