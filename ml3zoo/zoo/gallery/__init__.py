"""The gallery: one page of many losses, drawn from their cards. Needs no torch."""
