"""Networks at work: from pixels to people and surfaces, on the engine and in the precision that serve best."""
