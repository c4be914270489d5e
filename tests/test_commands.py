"""What documents name as commands is there, and CI runs it (``tests/commands.py``)."""

from __future__ import annotations

from tests.benchmarks.__main__ import BENCHMARKS
from tests.commands import ELSEWHERE, ROOT, Command, _named_in, commands, to_run

DOCUMENT = """
Run `ml3zoo bench NAME [--quick]`, `ml3zoo verify` or `python -m tests.benchmarks hub`; `ml3zoo.zoo` is no command.

```bash
pip install ml3zoo && ml3zoo info x   # why
ml3zoo train my-loss \\
    --out cards/my-loss
```

```python
ml3zoo("list")
```

<!-- tutorial -->
```bash
ml3zoo pull hf://me/my-loss
```
"""


def test_commands_are_found_in_blocks_and_spans():
    assert list(_named_in(DOCUMENT)) == [
        "ml3zoo info x",
        "ml3zoo train my-loss --out cards/my-loss",
        "ml3zoo bench NAME [--quick]",
        "ml3zoo verify",
        "python -m tests.benchmarks hub",
    ]


def test_a_command_is_run_as_it_is_written_with_small_numbers():
    small = {text: Command("x.md", text).small for text in _named_in(DOCUMENT)}
    assert list(small.values()) == [
        "ml3zoo info x",
        "ml3zoo train ./tiny_recipe.py --out cards/my-loss --quick",
        "ml3zoo bench sine-regression --quick",
        "",
        "python -m tests.benchmarks hub --small",
    ]
    assert Command("x.md", "ml3zoo publish FOLDER --repo org/name").small == ""


def test_a_verb_or_an_option_that_is_not_there_is_a_mistake():
    assert Command("x.md", "ml3zoo bench NAME [--quick] [--recipe FILE]").mistakes() == []
    assert "no verb 'bnch'" in Command("x.md", "ml3zoo bnch NAME").mistakes()[0]
    assert "bench has no --slow" in Command("x.md", "ml3zoo bench NAME [--slow]").mistakes()[0]
    assert "train has no --slow" in Command("x.md", "torchrun -m ml3zoo.cli train x --slow").mistakes()[0]


def test_documents_name_no_verb_and_no_option_that_is_not_there():
    assert len(commands()) > 10
    assert [mistake for command in commands() for mistake in command.mistakes()] == []


def test_ci_runs_every_command_that_is_not_a_mere_usage():
    lines = to_run()
    for command in commands():
        assert command.elsewhere or not command.small or command.small in lines or "tests.benchmarks" in command.small
    named = {word for command in commands() if "tests.benchmarks" in command.text for word in command.text.split()[3:]}
    assert {name for name in named if not name.startswith(("[", "-"))} <= set(BENCHMARKS)
    for runner in ELSEWHERE.values():
        assert runner.startswith("nobody") or (ROOT / runner).is_file()
    verbs = {line.split()[1] for line in lines if line.startswith("ml3zoo ")}
    assert verbs == {"apply", "bench", "info", "list", "plot", "publish", "pull", "train", "verify"}
