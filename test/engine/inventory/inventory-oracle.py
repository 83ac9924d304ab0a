"""Prints what `ansible-inventory --list` prints for each path given, as one list; null where it cannot be read."""

import contextlib
import io
import json
import sys

from ansible import context
from ansible.cli.inventory import InventoryCLI
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.parsing.dataloader import DataLoader
from ansible.utils.context_objects import CLIArgs
from ansible.vars.manager import VariableManager

context.CLIARGS = CLIArgs({"export": False, "basedir": None})


def listing(path):
    cli = InventoryCLI(["ansible-inventory", "--list"])
    cli.loader = DataLoader()
    cli.inventory = InventoryManager(loader=cli.loader, sources=[path])
    cli.vm = VariableManager(loader=cli.loader, inventory=cli.inventory)
    if cli.inventory._inventory.processed_sources == []:
        return None
    return json.dumps(cli.json_inventory(cli._get_group("all")), cls=AnsibleJSONEncoder)


answers = []
for path in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            answers.append(listing(path))
        except (AnsibleError, TypeError, ValueError):
            answers.append(None)
print(f"[{','.join(answer or 'null' for answer in answers)}]")
