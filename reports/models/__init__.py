"""What reports keep: nothing of the books themselves, which are billing's."""
