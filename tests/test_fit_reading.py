"""Plant files in any state: encodings, delimiters, dates, numbers, broken rows; the account always adds up."""

from __future__ import annotations

import contextlib
import math
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plants import csv_file, told

from jitgym.errors import InputError
from jitgym.fit.cleaning import LISTED, FileReport
from jitgym.fit.conventions import Dates, Numbers, read_flag
from jitgym.fit.deliveries import read_deliveries
from jitgym.fit.demand import read_demand
from jitgym.fit.maintenance import read_maintenance
from jitgym.fit.reading import JOINED, LONGEST, open_table
from jitgym.fit.schema import DEMAND, SCHEMAS

HEAD = ("date", "product", "quantity")
ROWS = [HEAD, ("2024-03-04", "bolt", 5), ("2024-03-05", "bolt", 7)]


def demand_of(path, **how):
    account = FileReport(path)
    orders = read_demand(path, account, **how)
    return orders, account


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_encoding_line_end_and_delimiter(tmp_path, encoding, end, delimiter):
    rows = [HEAD, ("2024-03-04", "Schlüssel", 5), ("2024-03-05", "Schlüssel", 7)]
    path = tmp_path / "demand.csv"
    path.write_bytes("".join(delimiter.join(map(str, row)) + end for row in rows).encode(encoding))
    orders, account = demand_of(path)
    assert orders.totals == {"Schlüssel": {date(2024, 3, 4).toordinal(): 5, date(2024, 3, 5).toordinal(): 7}}
    assert (account.read, account.kept, account.dropped) == (2, 2, 0)


def test_encodings_that_are_mixed_line_by_line(tmp_path):
    path = tmp_path / "demand.csv"
    lines = [",".join(HEAD).encode(), "2024-03-04,Müller,5".encode("cp1252"), "2024-03-04,Müller,6".encode()]
    path.write_bytes(b"\n".join(lines))
    orders, account = demand_of(path)
    assert orders.totals == {"Müller": {date(2024, 3, 4).toordinal(): 11}}
    assert "mixed: 1 lines UTF-8, 1 Windows-1252" in account.notes[0]


def test_titles_comments_blank_lines_and_a_heading_told_again(tmp_path):
    path = tmp_path / "demand.csv"
    path.write_text("Report of orders\n\n# by hand\nDatum;Artikel;Menge\n2024-03-04;a;1\n\n;;\nDatum;Artikel;Menge\n")
    orders, account = demand_of(path)
    assert orders.totals == {"a": {date(2024, 3, 4).toordinal(): 1}}
    assert told(account) == {("", "the heading again"): 1}
    assert (account.read, account.kept) == (2, 1)
    assert account.entries[0].line == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a CSV file with a heading, got an empty file"),
        ("\n\n", r"must be a CSV file with a heading|the heading must name"),
        ("day,item\n2024-03-04,a\n", r":1: the heading must name quantity, got none \(there are: day, item\)"),
        ("date,product,quantty\n", r"must name quantity, got none \(did you mean 'quantty'\?\)"),
        ("date,product,quantity\n", "must hold at least one row .* got 0 rows and none of them: nothing below"),
        ("date,product,quantity\n,a,1\nx,a,1\n", "got 2 rows and none of them: 1 date missing; 1 date not a date"),
        ("date,product,quantity\n2024-01-01,a,0\n", "must hold at least one row"),
    ],
)
def test_files_that_cannot_be_used_are_one_error(tmp_path, text, message):
    path = tmp_path / "demand.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        demand_of(path)


def test_a_name_goes_before_a_synonym(tmp_path):
    head = ("item", "due date", "qty", "date", "product")
    orders, account = demand_of(csv_file(tmp_path, [head, (10, "2024-05-05", 3, "2024-03-04", "bolt")]))
    assert orders.totals == {"bolt": {date(2024, 3, 4).toordinal(): 3}}
    assert "not used: 'item', 'due date'" in account.notes


def test_a_flag_that_says_nothing_keeps_its_row(tmp_path):
    rows = [("asset", "event", "start", "end", "type"), ("saw", "yearly service", "2024-03-04", "", "mechanical")]
    account = FileReport(csv_file(tmp_path, rows))
    assert read_maintenance(account.path, account).stops["saw"][0].planned
    assert told(account, "changed") == {("planned", "neither yes nor no: read as not said"): 1}


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"demand must be a CSV file, got .*: there is no such file"):
        open_table(tmp_path / "none.csv", DEMAND)


def test_every_row_is_told_with_line_column_reason_and_value(tmp_path):
    rows = [
        *ROWS,
        ("", "bolt", 1),
        ("2024-02-30", "bolt", 1),
        ("2024-03-04", "", 1),
        ("2024-03-04", "bolt", ""),
        ("2024-03-04", "bolt", "few"),
        ("2024-03-04", "bolt", -3),
        ("2024-03-04", "bolt", 1, "", "more"),
        ("1024-03-04", "bolt", 1),
        ("2024-03-04", "bolt", "1e300"),
        ("2024-03-04",),
    ]
    path = csv_file(tmp_path, rows)
    _, account = demand_of(path)
    assert [(e.line, e.column, e.reason, e.value) for e in account.entries] == [
        (4, "date", "missing", ""),
        (5, "date", "no such day", "2024-02-30"),
        (6, "product", "missing", ""),
        (7, "quantity", "missing", ""),
        (8, "quantity", "not a number", "few"),
        (9, "quantity", "below zero: a return or a cancellation is no demand", "-3"),
        (10, "", "more fields than the heading has (3)", "2024-03-04,bolt,1,,more"),
        (11, "date", "year outside of 1950 to 2100", "1024-03-04"),
        (12, "quantity", "beyond 1e+12", "1e300"),
        (13, "product", "missing", ""),
    ]
    assert account.read == account.kept + account.dropped == 12


def test_rows_told_twice_are_dropped_where_an_order_number_tells(tmp_path):
    numbered = [("order", *HEAD), (1, *ROWS[1]), (1, *ROWS[1]), (2, *ROWS[1])]
    orders, account = demand_of(csv_file(tmp_path, numbered))
    assert sum(orders.totals["bolt"].values()) == 10
    assert told(account) == {("", "the same as an earlier row in every field"): 1}


@pytest.mark.parametrize(("drop", "total"), [(None, 10), (False, 10), (True, 5)])
def test_without_an_order_number_equal_rows_may_be_two_orders(tmp_path, drop, total):
    orders, account = demand_of(csv_file(tmp_path, [HEAD, ROWS[1], ROWS[1]]), drop_twins=drop)
    assert sum(orders.totals["bolt"].values()) == total
    assert len(account.counts) == 1  # it is told either way


def test_twins_are_found_beyond_a_batch(tmp_path, monkeypatch):
    monkeypatch.setattr("jitgym.fit.records.BATCH", 2)
    rows = [("order", *HEAD), *((n % 5, "2024-03-04", "a", 1) for n in range(20))]
    orders, account = demand_of(csv_file(tmp_path, rows))
    assert sum(orders.totals["a"].values()) == 5
    assert account.dropped == 15


def test_a_date_years_from_all_others_is_dropped(tmp_path):
    rows = [
        HEAD,
        *((f"2024-{m:02}-{d:02}", "a", 1) for m in range(1, 13) for d in range(1, 29)),
        ("1999-01-01", "a", 9),
    ]
    orders, account = demand_of(csv_file(tmp_path, rows))
    assert min(orders.lines) == date(2024, 1, 1).toordinal()
    assert told(account) == {("date", "more than a year from all others"): 1}
    assert account.read == account.kept + account.dropped


def test_but_not_where_they_are_more_than_a_few(tmp_path):
    rows = [HEAD, *((f"2024-01-{d:02}", "a", 1) for d in range(1, 29)), ("1999-01-01", "a", 9)]
    assert demand_of(csv_file(tmp_path, rows))[1].dropped == 0


def test_quotes(tmp_path):
    rows = ('2024-03-04,"a, ""b""",1', '2024-03-04,"two\nlines",2', '2024-03-04,5" pipe,3', "2024-03-04,c,4")
    text = "\n".join(("date,product,quantity", *rows))
    path = tmp_path / "demand.csv"
    path.write_text(text)
    orders, account = demand_of(path)
    assert set(orders.totals) == {'a, "b"', "two lines", '5" pipe', "c"}
    assert account.kept == account.read == 4


def test_a_quote_that_is_never_closed_costs_its_own_row_only(tmp_path):
    rows = [HEAD, ("2024-03-04", '"open', 1), *(("2024-03-04", "b", 1) for _ in range(3 * JOINED))]
    orders, _ = demand_of(csv_file(tmp_path, rows))
    assert orders.totals["b"] == {date(2024, 3, 4).toordinal(): 3 * JOINED}


def test_a_line_without_end_is_no_row(tmp_path):
    path = tmp_path / "demand.csv"
    path.write_text(f"date,product,quantity\n2024-03-04,{'x' * 3 * LONGEST},1\n2024-03-04,b,1\n")
    orders, account = demand_of(path)
    assert list(orders.totals) == ["b"]
    assert account.read == account.kept + account.dropped == 2


def test_what_is_listed_is_capped_and_all_is_counted(tmp_path):
    rows = [HEAD, ROWS[1], *(("", "a", n) for n in range(LISTED + 50))]
    _, account = demand_of(csv_file(tmp_path, rows))
    assert account.dropped == LISTED + 50
    assert len(account.entries) == LISTED


# -- dates --


def read_dates(*texts, day_first=None):
    column = Dates(day_first)
    for text in texts:
        column.look(text)
    return [column.read(text) for text in texts], column


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2024-03-05", (2024, 3, 5, 0)),
        ("2024-3-5", (2024, 3, 5, 0)),
        ("2024/03/05", (2024, 3, 5, 0)),
        ("20240305", (2024, 3, 5, 0)),
        ("2024-03", (2024, 3, 1, 0)),
        ("2024-03-05T06:30", (2024, 3, 5, 6.5)),
        ("2024-03-05 06:30:36.123Z", (2024, 3, 5, 6.51)),
        ("2024-03-05 06:30:00+01:00", (2024, 3, 5, 6.5)),
        ("2024-03-05 24:00", (2024, 3, 6, 0)),
        ("05.03.2024", (2024, 3, 5, 0)),
        ("5.3.24", (2024, 3, 5, 0)),
        ("05.03.2024 14:45", (2024, 3, 5, 14.75)),
        ("3/25/2024 2:45 PM", (2024, 3, 25, 14.75)),
        ("3/25/2024 12:15 am", (2024, 3, 25, 0.25)),
        ("5 March 2024", (2024, 3, 5, 0)),
        ("05-Mar-24", (2024, 3, 5, 0)),
        ("5. März 2024", (2024, 3, 5, 0)),
        ("March 5th, 2024", (2024, 3, 5, 0)),
        ("45356", (2024, 3, 5, 0)),  # a spreadsheet's day
    ],
)
def test_dates_are_read(text, wanted):
    (found, fault), *_ = read_dates(text)[0]
    year, month, day, hours = wanted
    assert fault == ""
    assert found == pytest.approx(date(year, month, day).toordinal() + hours / 24, abs=1e-9)


@pytest.mark.parametrize("text", ["2024-13-01", "2023-02-29", "31.04.2024", "2024-03-05 25:00", "2024-03-05 10:70"])
def test_days_that_do_not_exist_are_told(text):
    ((found, fault),), _ = read_dates(text)
    assert math.isnan(found)
    assert fault.startswith("no such")


@pytest.mark.parametrize("text", ["", "NA", "n/a", "0000-00-00", "9999-12-31", "-", "NULL"])
def test_spellings_of_nothing(text):
    ((found, fault),), _ = read_dates(text)
    assert math.isnan(found)
    assert fault == ""


def test_the_column_tells_day_from_month():
    april, march = date(2024, 4, 3).toordinal(), date(2024, 3, 4).toordinal()
    found, column = read_dates("03/04/2024", "25/04/2024")
    assert found[0] == (april, "")
    assert "day first, by 1 dates" in column.told("date")
    found, column = read_dates("03/04/2024", "04/25/2024")
    assert found[0] == (march, "")
    assert "month first" in column.told("date")
    found, column = read_dates("03/04/2024")
    assert found[0] == (april, "")
    assert "ASSUMED" in column.told("date")
    found, column = read_dates("03/04/2024", "25/04/2024", day_first=False)
    assert found[0] == (march, "")
    assert found[1][1] == "no such day"
    assert "as told" in column.told("date")


def test_columns_of_a_file_help_each_other(tmp_path):
    head = ("supplier", "ordered", "promised", "received", "quantity")
    path = csv_file(tmp_path, [head, ("a", "03/01/2024", "03/04/2024", "03/25/2024", 1)])
    account = FileReport(path)
    (order,) = read_deliveries(path, account).orders["a", "a part"]
    assert order.promised == date(2024, 3, 4).toordinal()


# -- numbers --


@pytest.mark.parametrize(
    ("texts", "wanted", "semicolons"),
    [
        (("1", "-2", "+3", "1e3"), (1, -2, 3, 1000), False),
        (("1.5", "1,234.5", "1,234"), (1.5, 1234.5, 1234), False),
        (("1,5", "1.234,5", "1.234"), (1.5, 1234.5, 1234), False),
        (("1.234", "900"), (1.234, 900), False),
        (("1.234", "900"), (1234, 900), True),
        (("1.234", "1900"), (1.234, 1900), True),
        (("1.234.567",), (1234567,), False),
        (("1 234", "1'234", "1\u00a0234"), (1234, 1234, 1234), False),
        (("5-", "(7)"), (-5, -7), False),
        (("0,123", "1,234"), (0.123, 1.234), False),
        ((",5", ".5"), (0.5, 0.5), False),
    ],
)
def test_numbers_are_read_by_what_the_column_shows(texts, wanted, semicolons):
    column = Numbers(semicolons)
    for text in texts:
        column.look(text)
    assert [column.read(text) for text in texts] == [(value, "") for value in wanted]


@pytest.mark.parametrize("text", ["ten", "1.2.3,4,5", "12 pcs", "--1", "1e", "inf", "0x10", "٣"])
def test_what_is_not_a_number_is_told(text):
    assert Numbers().read(text)[1] == "not a number"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("yes", True), ("PM", True), ("Breakdown", False), ("0", False), ("preventive maintenance", True), ("", None)],
)
def test_flags(text, wanted):
    assert read_flag(text) == (wanted, "")


def test_a_flag_that_is_none_is_told():
    assert read_flag("maybe") == (None, "neither yes nor no")


# -- anything at all --

READERS = {"demand": read_demand, "deliveries": read_deliveries, "maintenance": read_maintenance}
NASTY = st.sampled_from(
    (
        *("", "NA", "2024-03-04", "04/03/2024", "31.12.2023 23:59", "1,5", "1.234", "-4", "1e400", '"', '"a', "a\nb"),
        *("\x00", "é", "yes", "nan", "12", "a;b", "a,b", "٣", "2024-02-30", "99999", "=cmd()"),
    )
)


@settings(max_examples=120)
@given(
    schema=st.sampled_from(SCHEMAS),
    rows=st.lists(st.lists(NASTY, min_size=1, max_size=9), max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16"]),
)
def test_any_rows_end_in_an_account_that_adds_up_or_in_one_error(tmp_path_factory, schema, rows, delimiter, encoding):
    path = tmp_path_factory.mktemp("any") / "file.csv"
    lines = [delimiter.join(schema.names), *(delimiter.join(row) for row in rows)]
    path.write_bytes("\n".join(lines).encode(encoding, errors="replace"))
    account = FileReport(path)
    with contextlib.suppress(InputError):
        READERS[schema.name](path, account)
    assert account.read == account.kept + account.dropped
    assert sum(entry.rows for entry in account.entries) == sum(account.counts.values())


@settings(max_examples=120)
@given(
    data=st.binary(max_size=300), begin=st.sampled_from([b"", b"date,product,quantity\n", b"\xff\xfe", b"\xef\xbb\xbf"])
)
def test_any_bytes_end_in_an_account_or_in_one_error(tmp_path_factory, data, begin):
    path = tmp_path_factory.mktemp("bytes") / "file.csv"
    path.write_bytes(begin + data)
    account = FileReport(path)
    with contextlib.suppress(InputError):
        read_demand(path, account)
    assert account.read == account.kept + account.dropped
