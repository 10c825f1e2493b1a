import pathlib
import sys

# As under an agent, where the folder of the program that was started is searched for modules.
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / 'src'))
