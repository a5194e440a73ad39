"""Douyin shops (Doudian): orders asked for and pushed, waybills told back. See README.md."""
