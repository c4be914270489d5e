"""Files of tables as people have them: what is read, what is said of it, and what is refused."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml3zoo.apply.files import TableFile
from ml3zoo.apply.files.listing import enumerated
from ml3zoo.apply.table.report import made_of
from ml3zoo.apply.table.table import Reading, Table, read_table
from ml3zoo.apply.table.targets import ClassTarget, NumericTarget, Target
from ml3zoo.errors import DataError

pd = pytest.importorskip("pandas")

ROWS = 60
A, B = np.random.default_rng(0).normal(size=(2, ROWS)).round(3)


def frame(**more: Any) -> Any:
    """Two features, and a target that neither tells alone."""
    return pd.DataFrame({"a": A, "b": B, **more, "y": (2 * A - B).round(3)})


def read(
    tmp_path: Path, table: Any, of: type[Target] = NumericTarget, name: str = "table.csv", **reading: list[str]
) -> Table:
    data = tmp_path / name
    if isinstance(table, bytes):
        data.write_bytes(table)
    else:
        table.to_csv(data, index=False)
    return read_table(data, "y", of=of, reading=Reading(**reading))


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["None", "NA", "null"], ("NA", "None", "null")),
        (["nan", "NaN", "n/a"], ("NaN", "n/a", "nan")),
        (["00", "0", "1"], ("0", "00", "1")),
        (["01", "1", "1.0"], ("01", "1", "1.0")),
        (["1e3", "1000", "2"], ("1000", "1e3", "2")),
        (["True", "true", "yes"], ("True", "true", "yes")),
        (["1.0", "2.0", "3.0"], ("1", "2", "3")),
        ([" a", "a ", "b"], ("a", "b")),
    ],
)
def test_text_is_text(values, names, tmp_path):
    ready = read(tmp_path, frame().assign(y=values * (ROWS // 3)), ClassTarget)
    assert ready.without_target == 0
    assert sorted(ready.target.classes) == sorted(names)


def test_only_what_the_user_says_is_missing(tmp_path):
    table = frame(note=["NA", "b", "c"] * (ROWS // 3))
    table["y"] = table["y"].astype(object).where(np.arange(ROWS) % 4 > 0, "NA")
    with pytest.raises(DataError, match=r"'NA' in row 1.* add --missing NA; else"):
        read(tmp_path, table)
    ready = read(tmp_path, table, missing=["NA"])
    assert ready.without_target == ROWS // 4
    (note,) = (column for column in ready.columns if column.name == "note")
    assert set(note.categories) == {"b", "c"}


@pytest.mark.parametrize(
    ("mark", "told"), [("NA", True), ("?", True), ("null", True), ("-", True), ("red", False), ("nan", None)]
)
def test_words_among_numbers_are_explained(mark, told, tmp_path):
    """``nan`` is how a program writes that there is no number."""
    table = frame()
    table["a"] = table["a"].astype(str).where(np.arange(ROWS) % 20 > 0, mark)
    if told is None:
        assert made_of(read(tmp_path, table)) == {"numbers": ["a", "b"]}
        return
    with pytest.raises(DataError, match="numbers in 57 rows and text in 3") as raised:
        read(tmp_path, table)
    assert ("--missing" in str(raised.value)) == told


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_separators_and_decimal_marks_are_found(separator, decimal, tmp_path):
    written = frame(note=["one, two; three | four"] * ROWS).to_csv(index=False, sep=separator, decimal=decimal)
    ready = read(tmp_path, written.encode())
    (told,) = ready.formats or ("",)
    assert ready.features == 2
    np.testing.assert_allclose(ready.truth, frame()["y"][ready.index])
    assert ("separated by" in told) == (separator != ",")
    assert ("decimal commas" in told) == (decimal == ",")


@pytest.mark.parametrize(
    ("cells", "separator", "values"),
    [
        (["191,177", "1,234,567", "12"], ",", [191177, 1234567, 12]),
        (["1,234", "12,345", "1"], ",", [1234, 12345, 1]),
        (["1,234", "12,345", "1"], ";", [1.234, 12.345, 1]),
        (["1,234.5", "12", "7"], ";", [1234.5, 12, 7]),
        (["1.234,5", "12.345", "7"], ";", [1234.5, 12345, 7]),
        (["1,5", "12", "7,25"], ",", [1.5, 12, 7.25]),
        (["30 930", "1 234 567,5", "7"], ";", [30930, 1234567.5, 7]),
        (["30 930", "1 234 567", "7"], ",", [30930, 1234567, 7]),
        (["30'930", "1'234'567.5", "7"], ",", [30930, 1234567.5, 7]),
        (["30\u00a0930", "30\u202f931", "7"], ",", [30930, 30931, 7]),
        (["1.234", "12.345", "1"], ";", [1.234, 12.345, 1]),
        (["-1,5", "+2,5", "1e3"], ";", [-1.5, 2.5, 1000]),
        ([".5", "5.", "1E-2"], ",", [0.5, 5, 0.01]),
        (["\u22121.5", "2.5", "\u22127"], ",", [-1.5, 2.5, -7]),
    ],
)
def test_numbers_as_people_write_them(cells, separator, values, tmp_path):
    table = pd.DataFrame({"a": np.arange(ROWS) % 7, "y": cells * (ROWS // 3)})
    ready = read(tmp_path, table.to_csv(index=False, sep=separator).encode())
    np.testing.assert_allclose(ready.truth, np.array(values * (ROWS // 3))[ready.index])


@pytest.mark.parametrize("column", ["a", "y"])
def test_points_and_commas_as_decimal_marks_of_one_column_are_refused(column, tmp_path):
    half = [f"{k},5" if k % 2 else f"{k}.25" for k in range(ROWS)]
    said = rf"'{column}' .* points, such as '0.25', and .* commas, such as '1,5'; .* alike"
    with pytest.raises(DataError, match=said):
        read(tmp_path, frame().assign(**{column: half}))


DAYS = pd.date_range("2023-12-01", periods=ROWS)


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (DAYS.strftime("%Y-%m-%d"), ""),
        (DAYS.strftime("%Y/%m/%d"), ""),
        (DAYS.strftime("%Y-%m-%dT%H:%M:%SZ"), ""),
        (DAYS.strftime("%d.%m.%Y"), " (day first)"),
        (DAYS.strftime("%d/%m/%Y"), " (day first)"),
        (DAYS.strftime("%m/%d/%Y %H:%M"), " (month first)"),
        (DAYS.strftime("%d %b %Y"), ""),
        (DAYS.strftime("%B %d, %Y"), ""),
        (DAYS.strftime("%d-%b-%Y %H:%M"), ""),
    ],
)
def test_dates_are_dates(cells, note, tmp_path):
    ready = read(tmp_path, frame(day=cells))
    assert made_of(ready)["dates"] == ["day" + note]
    day = next(column for column in ready.columns if column.name == "day")
    assert day.median == pytest.approx(np.median(ready.index[ready.deal(0)["train"]] + DAYS[0].timestamp() / 86400))


def test_words_among_dates_are_explained(tmp_path):
    days = DAYS.strftime("%Y-%m-%d").where(np.arange(ROWS) % 4 > 0, "unknown")
    with pytest.raises(DataError, match=r"'day' holds dates in 45 rows and text in 15.*--missing unknown"):
        read(tmp_path, frame(day=days))
    assert read(tmp_path, frame(day=days), missing=["unknown"]).features == 3


def test_an_address_is_no_file():
    with pytest.raises(DataError, match=r"^https://example\.org/table\.csv is an address; .*Download it first"):
        TableFile.open(Path("https://example.org/table.csv"))


def test_dates_that_are_open_are_told(tmp_path):
    ready = read(tmp_path, frame(day=["03/04/2024", "05/06/2024", "07/08/2024"] * (ROWS // 3)))
    assert made_of(ready)["dates"] == ["day (month first, a guess)"]


@pytest.mark.parametrize(
    ("name", "values", "left_out"),
    [
        ("id", range(ROWS), "an identifier"),
        ("customerID", range(100, 100 + ROWS), "an identifier"),
        ("row_number", range(ROWS), "an identifier"),
        ("", range(ROWS), "an identifier"),
        ("Unnamed: 2", range(ROWS), "an identifier"),
        ("name", [f"Person {k}" for k in range(ROWS)], "a different text in each row"),
        ("ticket", [f"T{k % 45}" for k in range(ROWS)], "mostly different texts"),
        ("flat", [7] * ROWS, "the same in every row"),
        ("nothing", [None] * ROWS, "empty"),
        ("mass_index", range(ROWS), None),
        ("grid", [k % 5 for k in range(ROWS)], None),
        ("colour", ["red", "blue"] * (ROWS // 2), None),
        ("zip", [f"0{k % 9}" for k in range(ROWS)], None),
    ],
)
def test_what_names_the_rows_is_left_out(name, values, left_out, tmp_path):
    ready = read(tmp_path, frame(**{name: list(values)}))
    if left_out is None:
        assert ready.left_out == {}
        return
    ((column, reason),) = ready.left_out.items()
    assert column == (name or "Unnamed: 2")
    assert reason.startswith(left_out)
    if "--keep" in reason:
        kept = read(tmp_path, frame(**{name: list(values)}), keep=[name or "Unnamed: 2"])
        assert kept.left_out == {}
    assert read(tmp_path, frame(**{name: list(values)}), drop=[name or "Unnamed: 2"]).features == 2


@pytest.mark.parametrize(
    ("more", "of", "warning"),
    [
        ({"cents": (2 * A - B).round(3) * 100}, NumericTarget, "'cents' alone tells target 'y'"),
        ({"rank": (2 * A - B).argsort().argsort() ** 3}, NumericTarget, "'rank' alone tells target 'y'"),
        ({"group": np.digitize(2 * A - B, [0]).astype(str)}, NumericTarget, ""),
        ({"code": np.repeat(["x1", "x2", "x3"], ROWS // 3)}, ClassTarget, "'code' alone tells target 'y'"),
        ({"level": np.repeat([1.5, 2.5, 4], ROWS // 3)}, ClassTarget, "'level' alone tells target 'y'"),
        ({"cost": [f"${k:,}" for k in range(9000, 9000 + ROWS)]}, NumericTarget, "'cost' holds .* units.*'.9,000'"),
        ({"share": [f"{k % 9}%" for k in range(ROWS)]}, NumericTarget, "'share' holds .* units.*'0%'"),
        ({"size": [f"{k % 9} cm" for k in range(ROWS)]}, NumericTarget, "'size' holds .* units.*'0 cm'"),
        ({"gain": [f"({k % 9},000)" for k in range(ROWS)]}, NumericTarget, "'gain' holds .* units.*'.0,000.'"),
        ({"when": [f"{k % 9:02}-Jan-24" for k in range(ROWS)]}, NumericTarget, "'when' holds dates .*'00-Jan-24'"),
        ({"when": [f"{k % 9 + 1} mars 2024" for k in range(ROWS)]}, NumericTarget, "'when' holds dates .* 2024-01-31"),
        ({"when": ["13/01/2024", "01/13/2024"] * (ROWS // 2)}, NumericTarget, "'when' holds dates that are not under"),
        ({"time": [f"{k % 9}:30" for k in range(ROWS)]}, NumericTarget, "'time' holds times of day.*'0:30'"),
        ({"version": [f"1.{k % 3}.{k % 4}" for k in range(ROWS)]}, NumericTarget, ""),
        ({"day": range(ROWS)}, NumericTarget, "'day' counts the rows.*--drop day"),
        ({"user_id": [k % 7 for k in range(ROWS)]}, NumericTarget, "'user_id' is called like an identifier"),
        ({"y": [k % 3 for k in range(ROWS)]}, NumericTarget, "target 'y' holds only 0, 1, 2. .*classification loss"),
        ({"y": [k % 3 == 0 for k in range(ROWS)]}, NumericTarget, "target 'y' holds only 0, 1. .*classification loss"),
        ({"y": [k % 3 / 2 for k in range(ROWS)]}, NumericTarget, ""),
        ({}, NumericTarget, ""),
        ({}, ClassTarget, ""),
    ],
)
def test_what_makes_a_result_worthless_is_told(more, of, warning, tmp_path):
    table = frame().assign(y=np.repeat(["l", "m", "n"], ROWS // 3)) if of is ClassTarget else frame()
    warnings = read(tmp_path, table.assign(**more), of).warnings
    assert len(warnings) == (1 if warning else 0), warnings
    assert re.search(warning, "".join(warnings))


@pytest.mark.parametrize(
    ("table", "test", "warned"),
    [
        (frame(), frame(), True),
        (frame(), frame()[::-1], True),
        (frame(), frame().assign(a=np.where(np.arange(ROWS) % 5 > 0, A, A + 1)), True),
        (frame(), frame().assign(a=A + 1), False),
        (frame().assign(a=1, b=np.arange(ROWS) % 3, y=np.arange(ROWS) % 3 / 2)[:50], frame().head(0), False),
    ],
    ids=["identical", "other order", "mostly", "other rows", "alike by chance"],
)
def test_test_rows_that_are_trained_on_are_told(table, test, warned, tmp_path):
    test = test if len(test) else table.assign(b=(table["b"] + 1) % 3, y=table["y"])
    test.to_csv(tmp_path / "test.csv", index=False)
    table.to_csv(tmp_path / "table.csv", index=False)
    ready = read_table(tmp_path / "table.csv", "y", test=tmp_path / "test.csv")
    assert any("rows of the test table are among those to train on" in warning for warning in ready.warnings) == warned


def test_rows_that_occur_twice_are_told(tmp_path):
    (warning,) = read(tmp_path, pd.concat([frame(), frame()])).warnings
    assert "120 of 120 rows occur more than once" in warning


def test_a_column_is_not_both_left_out_and_used(tmp_path):
    for reading in ({"drop": ["y"]}, {"drop": ["a"], "keep": ["a"]}):
        with pytest.raises(DataError, match="is to be used and to be left out"):
            read(tmp_path, frame(), **reading)


def test_what_was_made_of_a_column_is_told_in_full_on_its_line():
    assert enumerated(["a\nb (5 inputs, codes with leading zeros)"]) == "a b (5 inputs, codes with leading zeros)"


CSV = frame().to_csv(index=False)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("table.csv", b"\xef\xbb\xbf" + CSV.encode(), ""),
        ("table.csv", CSV.replace("a,b,y", " a ,\tb, y ").encode(), ""),
        ("table.csv", CSV.replace("\n", ",\n").encode(), ""),
        ("table.csv", CSV.replace("\n", "\r\n").encode(), ""),
        ("table.csv", CSV.replace("\n", "\r").encode(), ""),
        ("table.csv", CSV.replace(",", ", ").encode(), ""),
        ("table.csv", CSV.replace("\n", "\n\n").encode(), ""),
        ("table.tsv", CSV.replace(",", "\t").encode("utf-16"), "tabs, encoded as utf-16"),
        ("table.txt", CSV.replace(",", "|").encode(), "bars"),
        ("table.CSV", CSV.encode(), ""),
        ("table.csv", b"sep=;\n" + CSV.replace(",", ";").encode(), "semicolons"),
        ("table.csv.gz", gzip.compress(CSV.encode()), ""),
    ],
    ids=[
        "mark",
        "spaces",
        "separators at the end",
        "windows",
        "old mac",
        "gaps",
        "lines",
        "utf-16",
        "bars",
        "CSV",
        "excel",
        "gz",
    ],
)
def test_files_as_programs_write_them(name, content, told, tmp_path):
    ready = read(tmp_path, content, name=name)
    assert ready.features == 2
    assert told in "".join(ready.formats)
    np.testing.assert_allclose(ready.truth, frame()["y"][ready.index])


@pytest.mark.parametrize("length", [10, 200_000])
def test_western_text_is_read_wherever_it_is(length, tmp_path):
    """The beginning of a file alone may be ASCII."""
    notes = ["x" * (length // 10), "groß"] * (ROWS // 2)
    ready = read(tmp_path, frame(note=notes).to_csv(index=False).encode("latin-1"))
    (note,) = (column for column in ready.columns if column.name == "note")
    assert "groß" in note.categories
    assert "cp1252" in ready.formats[0]


def test_line_breaks_and_quotes_in_cells(tmp_path):
    ready = read(tmp_path, frame(note=['a\n"b", c', "a\r\nb", "c"] * (ROWS // 3)))
    (note,) = (column for column in ready.columns if column.name == "note")
    assert len(note.categories) == 3
    assert '"b", c' in "".join(note.categories)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("table.csv", b"", "is empty: a header and rows"),
        ("table.csv", b"a,b,y\n", "is empty: a header and at least 10 rows"),
        ("table.csv", CSV.replace("a,b,y", "a,a ,y").encode(), "more than one column named 'a'"),
        ("table.csv", CSV.split("\n", 1)[1].encode(), "first line seems to be a row of data"),
        ("table.csv", CSV.replace(",", " ").encode(), "may be separated by commas, semicolons, tabs or bars"),
        ("table.csv", b"PK\x03\x04" + bytes(50), "Excel workbook or another zip"),
        ("table.csv", b"PAR1" + bytes(50), "end in .parquet"),
        ("table.csv", gzip.compress(CSV.encode()), "end in .csv.gz"),
        ("table.csv", b"<!DOCTYPE html>", "web page"),
        ("table.csv", b"a,b\0,y\n" * 20, "zero bytes"),
        ("table.csv", b'{"a": 1, "y": 2}\n' * 20, "is JSON. Convert it to CSV"),
        ("table.csv", CSV.replace("\n", '\n"', 1).encode(), r"line 61 .* a quote is not closed"),
        ("table.csv", b"My measurements\n" + CSV.encode(), "begins with a line of one field, 'My measurements'"),
        ("table.csv", b"# by me\n# today\n" + CSV.encode(), "Take the lines above them away"),
        ("table.csv.gz", CSV.encode(), "cannot be read as gz"),
        ("table.xlsx", b"PK\x03\x04", "spreadsheet; .*Save it as CSV"),
        ("table.json", b"{}", "'.json'; .csv or .parquet"),
        ("table", CSV.encode(), "'nothing'"),
    ],
)
def test_what_is_no_table_is_explained(name, content, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read(tmp_path, content, name=name)


def test_a_folder_and_a_typo_lead_to_the_file(tmp_path):
    frame().to_csv(tmp_path / "houses.csv")
    with pytest.raises(DataError, match=r"is a folder; .*It holds 'houses.csv'"):
        TableFile.open(tmp_path)
    with pytest.raises(DataError, match=r"no file .*Did you mean 'houses\.csv'"):
        TableFile.open(tmp_path / "house.csv")
    with pytest.raises(DataError, match=r"no column 'A'.*Did you mean 'a'"):
        TableFile.open(tmp_path / "houses.csv").check_has("A")


def test_an_index_of_parquet_is_a_column_if_it_has_a_name(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "table.parquet"
    frame().set_index("a").to_parquet(path)
    assert sorted(TableFile.open(path).names) == ["a", "b", "y"]
    assert read_table(path, "y").features == 2
    frame().sample(frac=1.0, random_state=0).to_parquet(path)
    assert TableFile.open(path).names == ("a", "b", "y")


def test_what_parquet_holds_is_what_it_says(tmp_path):
    pytest.importorskip("pyarrow")
    more = {
        "code": [f"{k % 5}" for k in range(ROWS)],
        "when": DAYS,
        "day": DAYS.date,
        "took": pd.to_timedelta(np.arange(ROWS) % 7, unit="h"),
        "flag": [k % 2 == 0 for k in range(ROWS)],
    }
    frame(**more).to_parquet(tmp_path / "table.parquet")
    assert made_of(read_table(tmp_path / "table.parquet", "y")) == {
        "numbers": ["a", "b", "took (durations in days)"],
        "dates": ["when", "day"],
        "true or false": ["flag"],
        "text": ["code (5 inputs)"],
    }


def test_a_table_is_looked_at_without_torch_and_pandas(tmp_path):
    frame().to_csv(tmp_path / "table.csv")
    code = (
        "import sys; from pathlib import Path; from ml3zoo.apply.files import TableFile; "
        f"TableFile.open(Path({str(tmp_path / 'table.csv')!r})).check_has('y'); "
        "assert not {'torch', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
