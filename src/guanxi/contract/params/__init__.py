"""What the requests hold: one struct a request, by area; and the way from form fields to it.

A new area is a module here and a line below.
"""

from guanxi.contract.params.account import *
from guanxi.contract.params.decoding import *
from guanxi.contract.params.fields import *
from guanxi.contract.params.login import *
from guanxi.contract.params.me import *
from guanxi.contract.params.relation import *
from guanxi.contract.params.space import *
