"""Scaling between process nodes after Dennard's rule: the fit of Stillmaker and Baas.

This is what "process_scaling": "stillmaker" in a config asks for. Stillmaker and Baas, "Scaling
equations for the accurate prediction of CMOS device performance from 180 nm to 7 nm", Integration
58 (2017), 74-81.
"""

from fodlam import choices, quote, read_table

RULES = ('dennard', 'stillmaker')  # fodlam.py has the first by itself

PROCESS_FILE = 'process.csv'
PROCESS_KEY = 'Process (nm)'
# The coefficients of polynomials in the supply voltage, for delay and energy relative to each
# other, without a unit.
DELAY_FIELDS = ('a0', 'a1', 'a2', 'a3')
ENERGY_FIELDS = ('b0', 'b1', 'b2')
PROCESS_COLUMNS = {'supply_v': ('Nominal Supply (V)', 1)}
for field in DELAY_FIELDS:
    PROCESS_COLUMNS[field] = (f'Delay {field}', 1)
for field in ENERGY_FIELDS:
    PROCESS_COLUMNS[field] = (f'Energy {field}', 1)
LEAST_COEFFICIENT = -1e30


def fitted_scale(rule, from_nm, to_nm):
    """Return the factors (power, time) from one process node to another, at nominal supplies.

    rule: a config's "process_scaling".
    Raises ValueError if the rule is not "stillmaker", or the table does not have one of the nodes.
    """
    if rule != 'stillmaker':
        raise ValueError(f'"process_scaling" is {quote(rule)}; {choices(RULES)}')
    from_delay, from_energy = delay_and_energy(from_nm)
    to_delay, to_energy = delay_and_energy(to_nm)
    time = to_delay / from_delay
    energy = to_energy / from_energy
    return energy / time, time


def delay_and_energy(node_nm):
    """Return the delay and the energy of a process node, relative to each other's of other nodes.

    Raises ValueError if the table does not have the node.
    """
    table = read_table(PROCESS_FILE, PROCESS_COLUMNS, PROCESS_KEY, LEAST_COEFFICIENT)
    fit = table.get(f'{node_nm:g}')
    if fit is None:
        known = ', '.join(table)
        raise ValueError(f'"process_nm" is {node_nm:g}; the fit of "stillmaker" has {known}')
    return polynomial(fit, DELAY_FIELDS), polynomial(fit, ENERGY_FIELDS)


def polynomial(fit, fields):
    """Return the value of a polynomial at the nominal supply.

    fit: a row of PROCESS_COLUMNS. fields: those of the coefficients, from the constant on.

    >>> polynomial({'supply_v': 2, 'a0': 1, 'a1': 3, 'a2': 5}, ['a0', 'a1', 'a2'])  # 1 + 6 + 20
    27
    """
    total = 0
    for power, field in enumerate(fields):
        total += fit[field] * fit['supply_v'] ** power
    return total
