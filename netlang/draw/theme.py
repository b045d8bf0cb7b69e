"""What colours a drawing has: a light theme and a dark one, by what a thing is."""

from dataclasses import replace

from netlang.record import dataclass

FAMILIES = {  # what a step is by its colour, as the legend says it
    "window": "windows with weights",
    "full": "all to all, with weights",
    "pool": "windows without weights",
    "activation": "activations and norms",
    "merge": "merges of branches",
    "block": "blocks",
    "other": "others",
}


@dataclass(frozen=True)
class Theme:
    """Colours by role. fills: of steps, by family; text reads well on each, and they stay apart in grey too.

    dark: the colours of an SVG image for readers whose browser prefers a dark ground, if it asks
    """

    name: str
    fills: dict[str, str]
    roles: dict[str, str]
    dark: "Theme | None" = None

    def __getitem__(self, role: str) -> str:
        """The colour of a role or a family."""
        return self.roles.get(role) or self.fills[role]


LIGHT = Theme(
    "light",
    {
        "window": "#d6e6f7",
        "full": "#e3dcf3",
        "pool": "#dcefdc",
        "activation": "#fbeacb",
        "merge": "#f0e0e4",
        "block": "#cfdcec",
        "input": "#ffffff",
        "other": "#eef1f4",
        "gradient": "#fde2d3",
        "old": "#f7d4d2",
        "new": "#d5ecd4",
        "same": "#eef1f4",
    },
    {
        "ground": "#ffffff",
        "ink": "#1f2933",
        "quiet": "#616e7c",
        "line": "#9aa5b1",
        "skip": "#5b7aa8",
        "frame": "#9aa5b2",
        "panel": "#fafbfc",
        "old line": "#b3261e",
        "new line": "#2e7d32",
    },
)
DARK = Theme(
    "dark",
    {
        "window": "#1f4468",
        "full": "#43346b",
        "pool": "#21502f",
        "activation": "#5f4719",
        "merge": "#5a2f3d",
        "block": "#33475f",
        "input": "#14191f",
        "other": "#39424c",
        "gradient": "#6a3a1f",
        "old": "#662d2a",
        "new": "#21502f",
        "same": "#39424c",
    },
    {
        "ground": "#14191f",
        "ink": "#e8edf2",
        "quiet": "#a3afbb",
        "line": "#7b8794",
        "skip": "#8fb4ea",
        "frame": "#566370",
        "panel": "#1a2129",
        "old line": "#f28b82",
        "new line": "#81c995",
    },
)
AUTO = replace(LIGHT, name="auto", dark=DARK)
THEMES = {theme.name: theme for theme in (LIGHT, DARK, AUTO)}
