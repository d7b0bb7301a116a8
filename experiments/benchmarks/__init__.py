"""Speed, measured from outside; never a test."""
