"""Networks of other projects whose predictions label photos."""
