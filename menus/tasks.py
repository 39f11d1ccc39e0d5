"""The lifelong keys of the home menus: printed on cards, learnt by heart, dialled as `*384*100*1#`.

A number once given is never given to another task; 0, 9 and 00 are the engine's.
"""

SELL = 1
OFFERS = 2
ORDERS = 3
PAYMENTS = 4
PRICES = 5
HELP = 6
REPEAT = 7
LISTINGS = 8
ACCOUNT = 10
BUY = 11
COOPERATIVE = 13
PLEDGE = 14
AGENT = 17
AGENT_ASKS = 18
# a buyer's home
BROWSE = 1
MY_OFFERS = 2
ENTER_CODE = 12
ASK_COOPERATIVES = 15
STANDING = 16
