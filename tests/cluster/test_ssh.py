"""OpenSSH as the way to a cluster, against a real sshd on loopback with a user of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from kblib.cluster import ssh as ssh_module
from kblib.cluster.ssh import Ssh
from kblib.errors import MissingPartError, SiteError
from tests.sshd import ALIAS, Sshd, sshd
from tests.unix_users import UnixUser, unix_users


@pytest.fixture(scope="module")
def guest() -> Iterator[UnixUser]:
    """Give the user on the other side."""
    with unix_users("kbguest") as users:
        yield users[0]


@pytest.fixture(scope="module")
def server(guest: UnixUser) -> Iterator[Sshd]:
    """Give a server that is up."""
    with sshd(guest, KBNOTEBOOKS_TOLD="yes") as running:
        yield running


def test_command_runs_as_the_user_of_the_alias(server: Sshd, guest: UnixUser) -> None:
    done = server.ssh.run(["id", "-un"])
    assert (done.returncode, done.stdout.strip()) == (0, guest.name)


@pytest.mark.parametrize("word", ["two words", "it's", '"$HOME"', "a;b", "*", "å\nö", "`id`", ""])
def test_words_arrive_as_they_are_given(server: Sshd, word: str) -> None:
    assert server.ssh.run(["printf", "%s", word]).stdout == word


def test_text_is_read_and_exit_codes_are_told(server: Sshd) -> None:
    done = server.ssh.run(["sh", "-c", "cat; echo no >&2; exit 7"], text="Åland\n")
    assert (done.stdout, done.stderr, done.returncode) == ("Åland\n", "no\n", 7)


def test_a_command_that_ends_with_255_has_lost_no_connection(server: Sshd) -> None:
    assert server.ssh.run(["sh", "-c", "exit 255"]).returncode == 255


def test_one_connection_serves_all_commands(server: Sshd) -> None:
    first = server.ssh.run(["sh", "-c", "echo $PPID"])
    server.ssh.run(["true"])
    assert server.ssh.is_open()
    log = (server.folder / "sshd.log").read_text()
    assert log.count("Accepted publickey") == 1, log
    assert first.returncode == 0


def test_a_file_and_a_folder_go_there_and_back(
    server: Sshd, guest: UnixUser, tmp_path: Path
) -> None:
    source = tmp_path / "ett namn's"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "å.bin").write_bytes(bytes(range(256)) * 500)
    there = PurePosixPath(guest.home) / "deep" / "folder"
    for _ in range(2):  # what is there gives way
        server.ssh.put(source, there)
        server.ssh.get(there, tmp_path / "back")
    found = (tmp_path / "back" / "inner" / "å.bin").read_bytes()
    assert found == (source / "inner" / "å.bin").read_bytes()
    assert (guest.home / "deep" / "folder").owner() == guest.name
    server.ssh.put(source / "inner" / "å.bin", there / "one")
    server.ssh.get(there / "one", tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == found
    assert sorted(p.name for p in tmp_path.iterdir()) == ["back", "ett namn's", "one"]


def test_a_greeting_of_the_shell_does_no_harm(
    server: Sshd, guest: UnixUser, tmp_path: Path
) -> None:
    greeting = "echo Welcome to the cluster; echo Be quick >&2; export SITE_PATH=/opt/slurm\n"
    for name in (".bashrc", ".bash_profile"):
        (guest.home / name).write_text(greeting)
    try:
        done = server.ssh.run(["sh", "-c", "echo $SITE_PATH; echo oh >&2"])
        (guest.home / "note").write_text("text")
        server.ssh.get(PurePosixPath(guest.home) / "note", tmp_path / "note")
        code, data = server.ssh.read(["cat", str(guest.home / "note")])
    finally:
        for name in (".bashrc", ".bash_profile"):
            (guest.home / name).unlink()
    assert (done.stdout, done.stderr) == ("/opt/slurm\n", "oh\n")
    assert (tmp_path / "note").read_text() == "text"
    assert (code, data) == (0, b"text")


def test_a_missing_file_is_said_with_the_words_of_tar(server: Sshd, tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"was not copied from library-cluster.*No such file"):
        server.ssh.get(PurePosixPath("/nowhere/at/all"), tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_place_that_is_closed_is_said(server: Sshd, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with pytest.raises(SiteError, match=r"was not copied to library-cluster.*Permission denied"):
        server.ssh.put(tmp_path / "x", PurePosixPath("/root/x"))


def test_a_command_that_takes_too_long_is_said(server: Sshd) -> None:
    with pytest.raises(SiteError, match=r"library-cluster: sleep 30 gave no answer within 0 s"):
        server.ssh.run(["sleep", "30"], timeout_s=0.3)


def _refused(server: Sshd, text: str) -> SiteError:
    other = server.folder / f"config-{abs(hash(text))}"
    other.write_text(text)
    with pytest.raises(SiteError) as caught:
        Ssh(ALIAS, str(other), "far-site").run(["true"])
    return caught.value


def test_an_unknown_host_is_said(server: Sshd) -> None:
    error = _refused(server, f"Host {ALIAS}\n  HostName no-such-host.invalid\n")
    assert error.happened == f"'{ALIAS}' was not reached. There is no host of this name."
    assert error.next_step == f"ssh {ALIAS}"


def test_a_refused_key_is_said_with_the_line_that_asks_for_a_second_factor(server: Sshd) -> None:
    error = _refused(server, server.client_config(key="host_key"))
    assert "The host refused the key, or wants a password or a code." in error.happened
    assert error.next_step == "python -m kblib connect far-site"


def test_a_host_that_is_not_known_is_said(server: Sshd) -> None:
    error = _refused(server, server.client_config(known_hosts="nobody"))
    assert "The host is not known here" in error.happened


def test_a_host_that_is_down_is_said(server: Sshd) -> None:
    text = server.client_config().replace(f"Port {server.port}", "Port 1")
    assert "The host does not answer." in _refused(server, text).happened


def test_a_lost_connection_is_opened_anew(server: Sshd) -> None:
    server.drop()
    assert server.ssh.run(["true"]).returncode == 0


def test_a_server_that_ends_is_said_and_found_again(server: Sshd) -> None:
    assert server.ssh.run(["true"]).returncode == 0
    server.stop()
    with pytest.raises(SiteError, match="The host does not answer"):
        server.ssh.run(["true"])
    server.start()
    assert server.ssh.run(["true"]).returncode == 0


def test_without_openssh_it_is_said_what_to_install(
    server: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingPartError, match="apt-get install openssh-client"):
        replace(server.ssh).run(["true"])


def test_a_long_home_keeps_the_connection_elsewhere(
    server: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = tmp_path / ("long-" * 20)
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(long))
    assert server.ssh.run(["true"]).returncode == 0
    server.ssh.close()
    assert not long.exists()
    assert os.environ["KBNOTEBOOKS_HOME"] == str(long)


def test_a_host_that_lets_nobody_in_and_refuses_nobody_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = tmp_path / "ssh"
    stuck.write_text('#!/bin/sh\ncase "$*" in *check*) exit 255;; esac\nexec sleep 600\n')
    stuck.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(ssh_module, "_OPEN_S", 0.2)
    with pytest.raises(SiteError, match=r"was not reached\. The host does not answer"):
        Ssh(ALIAS).run(["true"])


def test_a_copy_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_module, "_COPY_S", 0.2)
    for source, sink in ((["sleep", "600"], ["cat"]), (["cat", "/dev/zero"], ["sleep", "600"])):
        with pytest.raises(SiteError, match=r"x was not copied\. It said: exit codes"):
            Ssh(ALIAS)._through(source, sink, "x was not copied.")
