"""The hub as the published clients of Coder know one (PROTOCOL.md, "The Coder view"): a view over the same core."""
