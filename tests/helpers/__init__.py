"""Parts that several tests share; one file per purpose."""
