"""Fork holders: the zygote, the pre-forked spare, and the code that keeps their memory shared."""
