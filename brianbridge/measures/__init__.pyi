from .counting import count_operations as count_operations
from .counting import operations_of as operations_of
from .energy import EnergyModel as EnergyModel
