"""kblib: collections, language models and the runs that make them; the library under the lessons.

Read from the bottom up: ``errors``, ``settings``, ``files``, ``sites``, ``runs`` (ground), then
``corpora``, ``tokens``, ``models`` and ``ngrams``, ``training``, ``jobs``, ``planner``,
``cluster``. A floor imports downwards only.
"""

__version__ = "0.1.0"
