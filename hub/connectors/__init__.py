"""Where orders and courier nodes come from: one small folder per channel or carrier; values out."""
