"""Fork holders: the zygote, the holder kept ahead, and what keeps their memory shared."""
