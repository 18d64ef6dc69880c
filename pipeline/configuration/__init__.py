"""From YAML to a plan: settings, validation, wiring, resources."""
