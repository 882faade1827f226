"""livetape in Python; the program is in the scripts folder."""
