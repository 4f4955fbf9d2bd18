"""A build as a page: ``build --trace out.html``.

recorder    build events, with the moment at which each came → a recording
timeline    a recording → lanes, bars, the critical path (pure)
page        these → one HTML file that needs nothing else; style: how it looks
"""
