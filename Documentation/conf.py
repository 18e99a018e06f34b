# SPDX-License-Identifier: GPL-2.0-only
# Sphinx's configuration, for ./build.
#
# The pages are plain reStructuredText, so that they read well where nothing renders
# them by Sphinx: links are relative, with file names. Here they become Sphinx's own.
import os
import re

project = 'Nyx'
copyright = '2026 The Nyx authors'
extensions = []
html_theme = 'alabaster'
html_show_sphinx = False
html_copy_source = False
exclude_patterns = ['examples/*']
primary_domain = 'c'
highlight_language = 'none'
c_id_attributes = ['__percpu', '__user', '__rcu', '__always_inline', '__must_hold']

LINK = re.compile(r'`([^`<]+?)\s*<([^>`:]+\.rst)>`__')
FILE = re.compile(r'`([^`<]+?)\s*<([^>`:]+)>`__')


def relink(app, docname, source):
    here = os.path.dirname(docname)

    def page(match):
        path = os.path.normpath(os.path.join('/', here, match.group(2)))
        return ':doc:`%s <%s>`' % (match.group(1), path[:-len('.rst')])

    text = LINK.sub(page, source[0])
    # What is not rendered is named
    text = FILE.sub(r'\1 (``\2``)', text)
    if docname == 'index':
        text += '\n'.join(['', '.. toctree::', '   :hidden:', '   :glob:', '',
                           '   tutorial/*', '   howto/*', '   reference/*',
                           '   explanation/*', '   design/*', '   generated/*', ''])
    source[0] = text


def setup(app):
    app.connect('source-read', relink)
    return {'parallel_read_safe': True}
