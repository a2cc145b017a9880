"""Write the generated blocks: `python -m tests.docs`."""

import sys

from tests.docs.generate import main

sys.exit(main())
