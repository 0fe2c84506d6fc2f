from .certificate import Certificate as Certificate
from .certificate import certify as certify
from .energy import EnergyModel as EnergyModel
from .operation_counting import count_operations as count_operations
from .operation_counting import operations_of as operations_of
