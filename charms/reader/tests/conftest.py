import pathlib
import sys

# The program that stands in for the hook commands, and the ledger's own server to read from.
CHARMS = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(CHARMS / 'ledger' / 'src'))
