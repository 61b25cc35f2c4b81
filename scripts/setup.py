"""Makes the virtual environment that every make target uses: `python3 scripts/setup.py [folder]`.

Installs exactly what locks/dev.txt names, by hash, then this checkout on top, editable. Does nothing when that is
already so, and is safe to start twice at once. Must parse on any Python 3, to say clearly that it is too old.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pythons

ROOT = Path(__file__).resolve().parent.parent
NO_VENV = "This Python cannot make virtual environments. Install that part of it, on Debian and Ubuntu:"


def fail(*lines):
    print("\n".join(("make setup:", *lines)), file=sys.stderr)
    sys.exit(1)


def use_supported_python():
    """Continues in a supported interpreter when this one is not."""
    if sys.version_info[:2] in pythons.SUPPORTED:
        return
    for wanted in reversed(pythons.SUPPORTED):
        path = pythons.find(wanted)
        if path:
            print("python3 is {}.{}; using {}".format(*sys.version_info[:2], path), flush=True)
            os.execv(str(path), [str(path), *sys.argv])
    fail(
        "Roost needs Python 3.11, 3.12 or 3.13, and this is {}.{} ({}).".format(*sys.version_info[:2], sys.executable),
        "Install one of them, or name it: make setup PYTHON=/path/to/python3.12",
    )


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def environment_stamp():
    """Changes whenever the environment must be made anew."""
    names = ("locks/dev.txt", "scripts/setup.py")
    return digest(str(ROOT), sys.version, *((ROOT / name).read_text(encoding="utf-8") for name in names))


def project_stamp():
    """Changes whenever this checkout must be installed again; the settings of tools do not matter to it."""
    import tomllib  # not there on the old Pythons that this file still has to parse on

    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return digest(repr([tables["build-system"], tables["project"], tables["tool"]["hatch"]]))


def bring_venv():
    """Debian ships `venv` without the part that puts pip into it; installs that when it may."""
    probe = [sys.executable, "-c", "import ensurepip, venv"]
    if subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return
    package = "python{}.{}-venv".format(*sys.version_info[:2])
    command = ["apt-get", "install", "-y", "-qq", package]
    if os.geteuid() != 0:
        command = ["sudo", "-n", *command]
    can_try = shutil.which("apt-get") and shutil.which(command[0])
    if not can_try or subprocess.run(command, check=False).returncode != 0:
        fail(NO_VENV, "  sudo apt-get install " + package)


def pip_install(folder, *arguments):
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
    subprocess.run([*pip, *arguments], check=True)


def build(folder):
    shutil.rmtree(str(folder), ignore_errors=True)
    bring_venv()
    print("Making {} with Python {}.{}.{} ...".format(folder, *sys.version_info[:3]), flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    # the lock is complete: pip need not find out what else there is, and its resolver would trip over extras
    wheels = ("--require-hashes", "--only-binary=:all:", "--no-deps")
    pip_install(folder, *wheels, "-r", str(ROOT / "locks" / "dev.txt"))


def bring_up_to_date(folder):
    made = folder / ".roost-setup"
    wanted = [environment_stamp(), project_stamp()]
    found = made.read_text(encoding="utf-8").split() if made.is_file() else []
    if found == wanted:
        return
    if found[:1] != wanted[:1]:
        build(folder)
    pip_install(folder, "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    made.write_text("\n".join(wanted), encoding="utf-8")


def main():
    use_supported_python()
    folder = ROOT / (sys.argv[1] if len(sys.argv) > 1 else ".venv")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            bring_up_to_date(folder)
        except subprocess.CalledProcessError as error:
            fail("This step failed, its own words are above: " + " ".join(error.cmd))
    return 0


if __name__ == "__main__":
    sys.exit(main())
