# SPDX-License-Identifier: GPL-2.0-only
# Sphinx's configuration, for ./build, which puts this file beside all pages.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

project = 'Nyx'
copyright = '2026 The Nyx authors'
extensions = ['links', 'myst_parser']
nitpicky = True
# Types of C, of the kernel and of user space that have no page here
nitpick_ignore_regex = [('c:identifier', r'(?!(.*\.)?(nyx|NYX)_).*')]
primary_domain = 'c'
highlight_language = 'none'
c_id_attributes = ['__percpu', '__user', '__rcu', '__always_inline', '__must_hold']

html_theme = 'furo'
html_title = 'Nyx'
# Debian's build of the theme has no colours for browsers that prefer dark pages
html_theme_options = {'dark_css_variables': {'color-' + name: value for name, value in {
    'foreground-primary': '#e8edf4',
    'foreground-secondary': '#aeb9c7',
    'foreground-muted': '#8d99a8',
    'foreground-border': '#6d7989',
    'background-primary': '#15191f',
    'background-secondary': '#1b2029',
    'background-hover': '#232a35',
    'background-hover--transparent': '#232a3500',
    'background-border': '#313a47',
    'background-item': '#414b5a',
    'brand-primary': '#8fb0e6',
    'brand-content': '#8fb0e6',
    'problematic': '#f0938a',
    'highlight-on-target': '#3a2e14',
    'highlighted-background': '#1f3a63',
}.items()}}
html_static_path = ['site.css']
html_css_files = ['site.css']
html_show_sphinx = False
html_copy_source = False
html_use_index = True
