"""Scaling between process nodes by a fit to circuits, and not by Dennard's rule.

This is what "process_scaling": "stillmaker" in a config asks for. Source: Stillmaker and Baas,
"Scaling equations for the accurate prediction of CMOS device performance from 180 nm to 7 nm",
Integration 58 (2017), 74-81.
"""

from fodlam import MAX_NUMBER, choices, quote, read_table

# The values that a config's "process_scaling" may have. Dennard's rule is in fodlam.node_scale.
RULES = ('dennard', 'stillmaker')

PROCESS_FILE = 'process.csv'
PROCESS_KEY = 'Process (nm)'
# At each node, the delay and the energy of a circuit are polynomials in the supply voltage. These
# fields are their coefficients, from the constant on. They are in a unit of their own: only the
# ratio between two nodes counts.
DELAY_FIELDS = ('a0', 'a1', 'a2', 'a3')
ENERGY_FIELDS = ('b0', 'b1', 'b2')
PROCESS_COLUMNS = {'supply_v': ('Nominal Supply (V)', 1)}
for field in DELAY_FIELDS:
    PROCESS_COLUMNS[field] = (f'Delay {field}', 1)
for field in ENERGY_FIELDS:
    PROCESS_COLUMNS[field] = (f'Energy {field}', 1)
LEAST_COEFFICIENT = -MAX_NUMBER  # other tables have numbers above 0 only


def fitted_scale(rule, from_nm, to_nm):
    """Return the factors (power, time) from one process node to another, at nominal supplies.

    rule: a config's "process_scaling". from_nm, to_nm: the nodes in nm.
    Raises ValueError if the rule is not "stillmaker", or the table does not have one of the nodes.

    >>> power, time = fitted_scale('stillmaker', 65, 32)
    >>> round(power, 2), round(time, 2)
    (0.62, 0.44)
    """
    if rule != 'stillmaker':
        raise ValueError(f'"process_scaling" is {quote(rule)}; {choices(RULES)}')
    from_delay, from_energy = delay_and_energy(from_nm)
    to_delay, to_energy = delay_and_energy(to_nm)
    time = to_delay / from_delay
    energy = to_energy / from_energy
    return energy / time, time


def delay_and_energy(node_nm):
    """Return (delay, energy) of a circuit at a process node and its nominal supply.

    node_nm: the node in nm. Both numbers mean something only as ratios between two nodes.
    Raises ValueError if the table does not have the node.
    """
    table = read_table(PROCESS_FILE, PROCESS_COLUMNS, PROCESS_KEY, LEAST_COEFFICIENT)
    fit = table.get(f'{node_nm:g}')
    if fit is None:
        known = ', '.join(table)
        raise ValueError(f'"process_nm" is {node_nm:g}; the fit of "stillmaker" has {known}')
    return polynomial(fit, DELAY_FIELDS), polynomial(fit, ENERGY_FIELDS)


def polynomial(fit, fields):
    """Return the value of a polynomial in the supply voltage at the nominal supply.

    fit: {field of PROCESS_COLUMNS: number} of a node. fields: those of the coefficients, from the
    constant on.

    >>> polynomial({'supply_v': 2, 'a0': 1, 'a1': 3, 'a2': 5}, ['a0', 'a1', 'a2'])  # 1 + 6 + 20
    27
    """
    total = 0
    for power, field in enumerate(fields):
        total += fit[field] * fit['supply_v'] ** power
    return total
