#!/bin/sh
# Make the virtual environment $1, unless it is there, with the first Python that is new enough and can,
# or say what is missing. Used by `make install`; installs nothing.
set -eu

[ -x "$1/bin/python" ] && exit 0
new_enough='import sys; sys.exit(sys.version_info < (3, 11))'
for python in python3 python3.13 python3.12 python3.11; do
    "$python" -c "$new_enough" 2>/dev/null || continue
    found=${found:-$python}
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        exec "$python" -m venv "$1"
    fi
done

if [ -n "${found:-}" ]; then
    echo "error: $found cannot make virtual environments: apt-get install $found-venv" >&2
else
    echo "error: Python 3.11 or newer is needed: apt-get install python3 python3-venv" >&2
fi
exit 1
