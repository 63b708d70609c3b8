"""``manage.py post_usage``: works, twice, interrupted, refused, malformed, foreign."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from procrastinate.contrib.django.models import ProcrastinateJob

from billing import alerts, caps, charges, tree, usage_import
from billing.ledger import StartAgain
from billing.models import Entry, Kind, Notice, Origin
from tests.factories import balance_of, give

pytestmark = pytest.mark.django_db

HEADER = "account,reference,amount,at,description\n"


def row(number, account="marketing", amount="0.01"):
    return f"{account},m-{number},{amount},2026-01-05T10:00:00+02:00,SMS {number}\n"


def rows(numbers, **more):
    return "".join(row(number, **more) for number in numbers)


@pytest.fixture
def usage_file(tmp_path):
    """Writes a file of usage; gives its path."""

    def write(text, name="usage.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else (HEADER + text).encode())
        return path

    return write


def run(file, *options, master="nile"):
    """The exit code, and what was said on both channels."""
    said, complained = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command(
            "post_usage",
            str(file),
            f"--master={master}",
            *options,
            stdout=said,
            stderr=complained,
        )
    except CommandError as error:
        complained.write(f"{error}\n")
        code = error.returncode
    return code, said.getvalue(), complained.getvalue()


def counts(said):
    """posted, replayed, refused, malformed."""
    first = (line.split() for line in said.splitlines())
    found = {words[0]: words[1] for words in first if len(words) > 1}
    names = ("posted", "replayed", "refused", "malformed")
    return tuple(int(found[name].replace(",", "")) for name in names)


def rejected_of(path):
    with open(f"{path}.rejected.csv", newline="") as file:
        return list(csv.DictReader(file))


def imported():
    return Entry.objects.filter(origin=Origin.IMPORT)


def test_a_file_is_posted_and_summed_up(cast, usage_file):
    path = usage_file(rows(range(3)) + row("otp", account="otp", amount="1.5"))
    code, said, complained = run(path)
    assert (code, complained) == (0, "")
    assert counts(said) == (4, 0, 0, 0)
    assert "EGP 1.53" in said
    assert "rows/s" in said
    entry = imported().get(reference="m-1")
    assert (entry.kind, entry.amount, entry.description) == (
        Kind.USAGE,
        Decimal("-0.01"),
        "SMS 1",
    )
    assert entry.occurred_at == datetime(2026, 1, 5, 8, tzinfo=UTC)
    # OTP is shared: the master account pays.
    assert imported().get(reference="m-otp").holder_id == cast.nile.pk
    assert balance_of(cast.marketing).credit == Decimal("499.97")
    assert not list(path.parent.glob("*.rejected.csv"))


def test_the_same_file_twice_posts_nothing_new(cast, usage_file, monkeypatch):
    monkeypatch.setattr(usage_import, "BATCH", 100)
    path = usage_file(rows(range(250)))
    assert counts(run(path)[1]) == (250, 0, 0, 0)
    credit = balance_of(cast.marketing).credit
    code, said, _ = run(path)
    assert (code, counts(said)) == (0, (0, 250, 0, 0))
    assert balance_of(cast.marketing).credit == credit == Decimal("497.50")
    assert imported().count() == 250


def test_a_reference_twice_in_one_file_is_replayed_or_a_conflict_by_its_content(
    cast, usage_file, monkeypatch
):
    path = usage_file(row(1) + row(2) + row(1) + row(2, amount="9"))
    code, said, complained = run(path)
    assert (code, counts(said)) == (1, (2, 1, 1, 0))
    assert "conflict 1" in said
    assert "line 5: The reference m-2 was used before with other content." in complained
    # In batches of one it is the books that say so.
    monkeypatch.setattr(usage_import, "BATCH", 1)
    assert counts(run(path)[1]) == (0, 3, 1, 0)


def test_gzip_by_name_or_content_and_standard_input(cast, usage_file, monkeypatch, tmp_path):
    packed = gzip.compress((HEADER + rows(range(5))).encode())
    assert counts(run(usage_file(packed, "usage.csv.gz"))[1]) == (5, 0, 0, 0)
    assert counts(run(usage_file(packed, "misnamed.csv"))[1]) == (0, 5, 0, 0)
    monkeypatch.chdir(tmp_path)
    for content in (packed, (HEADER + rows(range(4, 6))).encode()):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        code, said, _ = run("-")
        assert code == 0
    assert counts(said) == (1, 1, 0, 0)
    assert not (tmp_path / "usage.rejected.csv").exists()


def test_rejected_rows_of_standard_input_go_to_a_file_here(
    cast, usage_file, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO((HEADER + row(1, amount="x")).encode()))
    )
    assert run("-")[0] == 1
    [wrong] = rejected_of("usage")
    assert (wrong["reference"], wrong["rejected_line"]) == ("m-1", "2")


def test_columns_are_told(cast, usage_file):
    path = usage_file(b'"Dept, code",id,cost\nmarketing,m-1,2\n')
    code, said, _ = run(path, '--columns="account=Dept, code",reference=id,amount=cost')
    assert (code, counts(said)) == (0, (1, 0, 0, 0))


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ("price=cost", "'price=cost' is not OURS=THEIRS, where OURS is one of account, ref"),
        ("amount", "'amount' is not OURS=THEIRS"),
        ("amount=", "is not OURS=THEIRS"),
        ("amount=a,amount=b", "names amount twice"),
        ("amount=cost", "no column 'cost' for the amount. It has: 'account', 'reference', 'amo"),
    ],
)
def test_columns_that_do_not_fit_are_named(cast, usage_file, columns, complaint):
    code, _, complained = run(usage_file(row(1)), f"--columns={columns}")
    assert code == 2
    assert complaint in complained
    assert not imported().exists()


def test_malformed_rows_name_their_lines_and_the_rest_is_posted(cast, usage_file):
    path = usage_file(row(1) + row(2, amount="1e5") + "nonsense\n" + row(3) + row(4, "nobody"))
    code, said, complained = run(path)
    assert (code, counts(said)) == (1, (2, 0, 1, 2))
    assert "unknown_account 1" in said
    assert f"3 rows were not posted. They are in {path}.rejected.csv" in complained
    amount, cells, account = rejected_of(path)
    assert (amount["rejected_line"], amount["reference"], amount["amount"]) == ("3", "m-2", "1e5")
    assert "Write the amount in digits" in amount["rejected_reason"]
    assert (cells["rejected_line"], cells["rejected_text"]) == ("4", "nonsense")
    assert cells["account"] == ""
    assert "no account with the code 'nobody'" in account["rejected_reason"]
    for line in ("line 3: ", "line 4: ", "line 6: "):
        assert line in complained


def test_only_the_first_rejected_rows_are_shown(cast, usage_file):
    _, said, complained = run(usage_file(rows(range(50), amount="x")))
    assert counts(said) == (0, 0, 0, 50)
    assert complained.count("line ") == 10


def test_what_was_refused_is_posted_from_the_rejected_file_after_a_top_up(cast, usage_file):
    path = usage_file(row(1, "retail", "20.50") + row(2, "retail", "7") + row(3))
    code, said, _ = run(path)
    assert (code, counts(said)) == (1, (2, 0, 1, 0))
    assert "insufficient_balance 1" in said
    [refused] = rejected_of(path)
    assert refused["rejected_reason"].startswith("Retail branches ")
    assert "7.00" in refused["rejected_reason"]
    assert list(refused)[:5] == HEADER.strip().split(",")
    again = f"{path}.rejected.csv"
    assert run(again)[0] == 1
    # Once more rejected, it has our columns once.
    with open(f"{again}.rejected.csv") as file:
        assert file.readline().count("rejected_line") == 1
    give(cast.retail, "10")
    code, said, _ = run(again)
    assert (code, counts(said)) == (0, (1, 0, 0, 0))
    assert balance_of(cast.retail).credit == Decimal(3)
    code, said, _ = run(path)
    assert (code, counts(said)) == (0, (0, 3, 0, 0))
    assert "is of an earlier run" in said


def test_past_the_limit_usage_that_has_happened_is_recorded(cast, usage_file):
    tree.suspend(account=cast.retail)
    path = usage_file(row(1, "retail", "100"))
    assert counts(run(path)[1]) == (0, 0, 1, 0)
    code, said, _ = run(path, "--past-limit")
    assert (code, counts(said)) == (0, (1, 0, 0, 0))
    assert balance_of(cast.retail).credit == Decimal("-79.50")


def test_what_passes_a_hard_cap_is_refused_with_its_reason(cast, usage_file):
    caps.change(account=cast.otp, cap=Decimal(5))
    path = usage_file(row(1, "otp", "4") + row(2, "otp", "2") + row(3, "otp", "1"))
    code, said, _ = run(path)
    assert (code, counts(said)) == (1, (2, 0, 1, 0))
    assert "spending_cap 1" in said
    [refused] = rejected_of(path)
    assert refused["rejected_reason"] == (
        "OTP and security can spend at most EGP 1.00 more this month: its spending cap is 5.00."
    )
    # What has happened is recorded whatever the cap.
    assert counts(run(f"{path}.rejected.csv", "--past-limit")[1]) == (1, 0, 0, 0)


def test_suspended_and_closed_accounts_are_refused_with_their_reason(cast, usage_file):
    tree.suspend(account=cast.retail)
    type(cast.otp).objects.filter(pk=cast.otp.pk).update(state="closed")
    path = usage_file(row(1, "retail") + row(2, "otp") + row(3))
    code, said, _ = run(path)
    assert (code, counts(said)) == (1, (1, 0, 2, 0))
    assert "suspended 1" in said
    assert "closed 1" in said


def test_a_dry_run_decides_as_the_real_run_and_writes_nothing(cast, usage_file, monkeypatch):
    # Later batches see what earlier ones would have spent, and their references.
    monkeypatch.setattr(usage_import, "BATCH", 2)
    path = usage_file(
        row(1, "retail", "20")
        + row(2, "retail", "0.30")
        + row(3, "retail", "0.30")
        + row(1)
        + "x\n"
    )
    before = balance_of(cast.retail)
    code, dry, _ = run(path, "--dry-run")
    assert code == 1
    assert dry.startswith("Dry run: nothing was written.")
    assert not imported().exists()
    assert balance_of(cast.retail).credit == before.credit
    assert balance_of(cast.retail).last_seq == before.last_seq
    code, said, _ = run(path)
    assert counts(said) == counts(dry) == (2, 0, 2, 1)


def test_a_dry_run_tells_nobody_and_the_real_one_does(cast, usage_file):
    alerts.add(account=cast.retail, threshold=Decimal(10), recipients=[cast.admin])
    path = usage_file(row(1, "retail", "18"))
    run(path, "--dry-run")
    assert not Notice.objects.exists()
    assert not ProcrastinateJob.objects.exists()
    run(path)
    assert [notice.what for notice in Notice.objects.all()] == ["below"]
    assert ProcrastinateJob.objects.count() == 1


def test_another_companys_account_is_unknown_here(cast, usage_file):
    code, said, complained = run(usage_file(row(1, "sales") + row(2)))
    assert (code, counts(said)) == (1, (1, 0, 1, 0))
    assert "The company has no account with the code 'sales'." in complained
    assert balance_of(cast.gulf_sales).credit == 0


def test_a_master_account_or_a_file_that_is_not_there_is_named(cast, usage_file, tmp_path):
    path = usage_file(row(1))
    for master in ("nobody", "marketing"):
        code, _, complained = run(path, master=master)
        assert (code, complained) == (2, f"There is no master account with the code '{master}'.\n")
    code, _, complained = run(tmp_path / "nowhere.csv")
    assert (code, complained) == (
        2,
        f"Cannot read {tmp_path}/nowhere.csv: No such file or directory.\n",
    )
    assert run(tmp_path)[0] == 2
    assert run(path, f"--rejected={path}")[0] == 2
    assert run(path, f"--rejected={tmp_path}/no/such/place.csv")[0] == 2
    assert not imported().exists()


def test_the_currency_and_zone_are_the_companys(cast, usage_file):
    path = usage_file(b"account,reference,amount,at\nsales,m-1,0.000001,2026-01-05 10:00\n")
    give(cast.gulf_sales, "1")
    code, said, _ = run(path, master="gulf")
    assert code == 0
    assert "KWD 0.000001" in said
    assert imported().get().occurred_at == datetime(2026, 1, 5, 7, tzinfo=UTC)


def test_a_damaged_archive_posts_what_was_before(cast, usage_file):
    text = HEADER + rows(range(20_000), amount="0.001")
    packed = gzip.compress(text.encode())
    code, said, complained = run(usage_file(packed[: len(packed) // 2], "usage.csv.gz"))
    posted, _, _, malformed = counts(said)
    assert (code, malformed) == (1, 1)
    assert posted == imported().count() > 1_000
    assert f"line {posted + 2}: The file breaks off here" in complained


def test_formulas_in_our_own_columns_are_defused_and_cells_stay_as_they_were(cast, usage_file):
    type(cast.retail).objects.filter(pk=cast.retail.pk).update(name="=1+1")
    path = usage_file("retail,=m-1,100,,@x\n" + "+cmd|calc\n")
    run(path)
    refused, malformed = rejected_of(path)
    assert (refused["reference"], refused["description"]) == ("=m-1", "@x")
    assert refused["rejected_reason"].startswith("'=1+1 ")
    assert malformed["rejected_text"] == "'+cmd|calc"


def test_a_batch_that_must_start_again_does(cast, usage_file, monkeypatch):
    charge_many, calls = usage_import.charge_many, []

    def unlucky(**arguments):
        calls.append(arguments)
        if len(calls) < usage_import.ATTEMPTS:
            raise StartAgain
        return charge_many(**arguments)

    monkeypatch.setattr(usage_import, "charge_many", unlucky)
    assert counts(run(usage_file(rows(range(3))))[1]) == (3, 0, 0, 0)
    assert len(calls) == usage_import.ATTEMPTS


def test_rejected_rows_are_not_written_through_a_link(cast, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    file = tmp_path / "usage.csv"
    file.write_text("account,reference,amount\nnobody,m-1,1\n")
    (tmp_path / "usage.csv.rejected.csv").symlink_to(precious)
    with pytest.raises(CommandError, match=r"Stopped: .*usage\.csv\.rejected\.csv"):
        call_command("post_usage", str(file), master="nile")
    assert precious.read_text() == "mine"


def test_what_the_api_has_charged_already_is_recognised_when_the_file_says_so(cast, usage_file):
    """The file that mends an outage of the API: under its own references it would charge twice."""
    for number in (1, 2):
        charges.charge(account=cast.marketing, amount=Decimal("0.01"), reference=f"m-{number}")
    file = usage_file(rows(range(1, 5)))
    code, said, _complained = run(file, "--origin=api")
    assert code == 0
    assert "EGP 0.02" in said
    assert Entry.objects.filter(kind=Kind.USAGE, origin=Origin.API).count() == 4
    assert not Entry.objects.filter(origin=Origin.IMPORT).exists()
