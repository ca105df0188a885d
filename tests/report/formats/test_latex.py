from __future__ import annotations

import re
from dataclasses import replace

import pytest

from leaven.report.findings import ArmInfo, Findings, MetricInfo
from leaven.report.formats.latex import escape, latex

COMMANDS = {"begin", "end", "centering", "footnotesize", "setlength", "tabcolsep", "caption", "label", "toprule", "midrule", "bottomrule", "cmidrule", "multicolumn",
            "textless", "textgreater", "textbackslash", "textasciitilde", "textasciicircum", "textbar", "textquotedblright",
            "textasciigrave", "textendash", "ldots", "pm", "circ", "bullet", "approx", "dag", "ddag", "S", "uparrow",
            "downarrow", "times", "cdot", "linewidth"}  # fmt: skip
HOSTILE = ["\\input{/etc/passwd}", "a & b \\\\ c", "100 % of $x_1^2$ #1 {", "}}{{", "[2pt]", "*", "\n\n\\par", "~^`\"'", "--- -- ''",
           "<img onerror>", "\\write18{rm}", "|", "\u202ex", "\U0001f956 é 中", "\\\\", "%", "^^5c"]  # fmt: skip


@pytest.mark.parametrize(
    ("character", "written"),
    [("\\", r"\textbackslash{}"), ("{", r"\{"), ("}", r"\}"), ("$", r"\$"), ("&", r"\&"), ("#", r"\#"), ("_", r"\_"),
     ("%", r"\%"), ("~", r"\textasciitilde{}"), ("^", r"\textasciicircum{}"), ("<", r"\textless{}"),
     (">", r"\textgreater{}"), ("|", r"\textbar{}"), ('"', r"\textquotedblright{}"), ("`", r"\textasciigrave{}"),
     ("−", "$-$"), ("\u00a0", "~"), ("--", "-{}-"), ("---", "-{}-{}-"), ("''", "'{}'"), ("\U0001f956", "[U+1F956]"),
     ("é", "é"), ("中", "中")],
)  # fmt: skip
def test_every_special_character_is_written_out(character: str, written: str) -> None:
    assert escape(f"a{character}b") == f"a{written}b"


def stripped(text: str) -> str:
    """Return LaTeX without its comments and its escaped characters."""
    return re.sub(r"\\[\\{}$&#_%]", "", re.sub(r"(?m)^%.*$", "", text))


def is_balanced(text: str) -> bool:
    depth = 0
    for character in stripped(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_study_stays_a_table(findings: Findings, hostile: str) -> None:
    arms = [ArmInfo(hostile, dose=2.0, seeds=(0, 1, 2)), *findings.arms]
    metrics = [MetricInfo("eli5", hostile, better="lower", unit=hostile), *findings.metrics]
    text = latex(replace(findings, arms=arms, metrics=metrics, baseline=hostile, name=hostile))
    bare = stripped(text)
    assert is_balanced(text)
    assert set(re.findall(r"\\([A-Za-z]+)", bare)) <= COMMANDS
    assert "%" not in bare and "#" not in bare and "_" not in bare
    assert bare.count("$") % 2 == 0
    assert "^^" not in bare
    bare_columns = re.sub(r"p\{[\d.]+\\linewidth\}", "l", text)
    tables = re.findall(r"\\begin\{tabular\}\{@\{\}(l[rl]+)@\{\}\}(.*?)\\end", bare_columns, re.DOTALL)
    assert len(tables) == text.count(r"\begin{table}")
    for table in tables:
        spec, body = table
        lines = body.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
        for line in lines:
            assert line.endswith(r" \\")
            assert re.sub(r"\\&", "", line).count("&") == len(spec) - 1
            assert line.startswith("{"), "else a [ or * would belong to the line before"


def test_the_tables_hold_the_pages_numbers(rich: Findings) -> None:
    text = latex(rich)
    assert "The preamble needs \\usepackage{booktabs}." in text
    assert r"{poisoned@p=0.33} & {44.6~\%} & {+43.8 [+39.8 to +47.8] $\circ$}" in text
    assert r"{clean\_again (A/A)} & {2.1~\%} & {+1.2 [$-$2.8 to +5.2]}" in text
    assert r"$\circ$ exploratory, change shown: p \textless{} 0.05" in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3 + 2, "two more: of trends and of claims"


def test_many_arms_and_metrics_are_split_with_their_baseline(findings: Findings) -> None:
    arms = [*findings.arms, *(ArmInfo(f"arm{i}") for i in range(60))]
    metrics = [*findings.metrics, *(MetricInfo("eli5", f"m{i}") for i in range(4))]
    text = latex(replace(findings, arms=arms, metrics=metrics))
    assert text.count(r"\begin{table}") == 2 * 4 + 2 + 1
    assert text.count("{clean (baseline)}") == 2 * 4 + 2
    assert text.count("{arm59}") == 4 + 1
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(set(labels)) == len(labels)


def test_nothing_at_all_is_a_comment() -> None:
    assert latex(Findings(name="n", question="q?")).endswith("% Nothing was measured.\n")
