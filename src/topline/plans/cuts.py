"""The other grids of a version: what targets are cut by besides category and market."""

from collections.abc import Mapping

DIMENSIONS: Mapping[str, str] = {
    "channel": "channel",
    "territory": "territory",
    "team": "team",
    "person": "owner",
}
"""The cuts, and the dimension of the catalogue that each follows."""
