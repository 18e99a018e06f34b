# SPDX-License-Identifier: GPL-2.0-only
"""Links of the site, a Sphinx extension.

The pages are written to be read in the tree, too: their links are relative and name files.
Here these become links of the site; and the names of functions, structures, constants,
commands, manual pages and documents, in text and in programs, become links where there is
something to lead to.
"""
import json
import os
import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

FILE = re.compile(r'`([^`<]+?)\s*<([^>`:]+)>`__')
MANUAL = re.compile(r'\b((?:nyx|libnyx)[\w-]*)\(([1-9])\)')
COMMAND = re.compile(r'nyxctl ([a-z]+)\b')
DOCUMENT = re.compile(r'\b(?:Documentation/([\w./-]+)\.rst|([A-Z]+\.md))\b')
# A bare nyx_name may be a tracepoint
NAME = re.compile(r'(?:struct|enum) (nyx_\w+)|(nyx_\w+)::\w+|(nyx_\w+\(\))|(NYX_\w+)')
APART = (nodes.reference, nodes.literal_block, nodes.title, nodes.raw)
CODE = re.compile(r'<span class="(n|nc|nf)">((?:nyx|NYX)_\w+)</span>')


def document(path):
    """The page of the site that a file of Documentation/ is on"""
    if path.startswith('../'):
        return 'project/' + path[len('../'):-len('.md')]
    return os.path.splitext(path)[0] if path.endswith(('.rst', '.c')) else path


def relink(app, docname, source):
    here = os.path.dirname(docname)

    def page(match):
        path = os.path.normpath(os.path.join(here, match.group(2)))
        return ':doc:`%s </%s>`' % (match.group(1), document(path))

    if not docname.startswith('project/'):
        source[0] = FILE.sub(page, source[0])


def load(app, name):
    with open(os.path.join(app.srcdir, name), encoding='utf-8') as file:
        return json.load(file)


def target(app, docname, name):
    """Where a name of the sources is explained: (page, anchor), or None"""
    if not hasattr(app, 'nyx_objects'):
        app.nyx_objects = {}
        for full, _, kind, page, anchor, _ in app.env.get_domain('c').get_objects():
            scope, _, last = full.rpartition('.')
            if kind in ('function', 'struct', 'enum', 'union', 'macro'):
                app.nyx_objects.setdefault((last, kind == 'function'), {})[scope] = page, anchor
        app.nyx_enums = load(app, 'api/enums.json')
    function = name.endswith('()')
    name = name[:-2] if function else name
    if name.startswith('NYX_') and not function:
        name = app.nyx_enums.get(name, name.lower())
    found = app.nyx_objects.get((name, function), {})
    # Explanations and design notes tell of the module, all other pages of the library
    inside = docname.startswith(('explanation/', 'design/', 'api/kmod/'))
    for scope in sorted(found, key=lambda scope: (scope == 'libnyx') == inside):
        return found[scope]
    return None


class Names(SphinxPostTransform):
    default_priority = 500

    def reference(self, page, anchor, *children):
        app = self.app
        uri = app.builder.get_relative_uri(self.env.docname, page)
        return nodes.reference('', '', *children, internal=True,
                               refuri=uri + ('#' + anchor if anchor else ''))

    def run(self, **kwargs):
        known = load(self.app, 'man/known.json')
        docname = self.env.docname

        for node in list(self.document.findall(nodes.literal)):
            match = NAME.fullmatch(node.astext())
            there = match and target(self.app, docname, next(filter(None, match.groups())))
            if there and there[0] != docname and not isinstance(node.parent, APART):
                node.replace_self(self.reference(*there, node.deepcopy()))

        for node in list(self.document.findall(nodes.literal)):
            match = COMMAND.match(node.astext())
            page = match and 'man/nyxctl-%s.1' % match.group(1)
            if page in self.env.found_docs and not isinstance(node.parent, APART):
                node.replace_self(self.reference(page, '', node.deepcopy()))

        def place(match):
            if match.re is MANUAL:
                return 'man/' + known.get('%s.%s' % match.groups(), '?'), match.group(0)
            return document('../' + match.group(2)) if match.group(2) else match.group(1), \
                match.group(0)

        for node in list(self.document.findall(nodes.Text)):
            if isinstance(node.parent, APART) or isinstance(node.parent.parent, APART):
                continue
            for pattern in (MANUAL, DOCUMENT):
                pieces, end, text = [], 0, str(node)
                for match in pattern.finditer(text):
                    page, name = place(match)
                    if page == docname or page not in self.env.found_docs:
                        continue
                    pieces += [nodes.Text(text[end:match.start()]),
                               self.reference(page, '', nodes.Text(name))]
                    end = match.end()
                if pieces:
                    node.parent.replace(node, pieces + [nodes.Text(text[end:])])
                    break


def programs(app, pagename, templatename, context, doctree):
    """Names in programs"""
    if 'body' not in context or pagename.startswith('api/'):
        return

    def link(match):
        kind, name = match.groups()
        call = context['body'].startswith('<span class="p">(', match.end())
        there = target(app, pagename, name + '()' if call else name)
        if not there or (kind == 'n' and name.islower() and not call):
            return match.group(0)
        return '<a class="name" href="%s#%s">%s</a>' % (
            app.builder.get_relative_uri(pagename, there[0]), there[1], match.group(0))

    context['body'] = CODE.sub(link, context['body'])


def undocumented(app, domain, node):
    """The module's headers use types that have no comment of their own: no mistake"""
    return node.get('refdoc', '').startswith('api/kmod/') or None


def setup(app):
    app.connect('warn-missing-reference', undocumented)
    app.connect('source-read', relink)
    app.connect('html-page-context', programs)
    app.add_post_transform(Names)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
