"""A pick slip of 10 lines with QR, 80 mm at 203 dpi, from the order body to the printer's bytes, one
thread. The reference is the same picture through python-escpos' own image path, rendering included on
both sides.
"""
