"""Names of the shipped scenarios; light, so that the command line's help need not wait."""

from pathlib import Path

BASELINE = "baseline"
HERE = Path(__file__).parent


def scenarios() -> tuple[str, ...]:
    """Names of the shipped scenarios."""
    return (BASELINE, *sorted(path.stem for path in (HERE / "scenarios").glob("*.toml")))
