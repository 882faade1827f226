"""The example in the README for TikTokLive, run as it is."""

from .conftest import ROOT


def test_tiktoklive_connects_to_the_mock(pytester):
    readme = (ROOT / "packages/python/README.md").read_text(encoding="utf-8")
    [code] = [block.split("```")[0] for block in readme.split("```python\n")[1:] if "TikTokLiveClient" in block.split("```")[0]]
    pytester.makepyfile(code)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
