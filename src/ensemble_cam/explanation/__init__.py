"""Any network, explained on a picture: what it says, and where it looks."""
