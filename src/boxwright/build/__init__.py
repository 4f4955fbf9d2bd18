"""From a Dockerfile and a context to an image in the store. Data flows one way:

    context       where files and the Dockerfile come from
    plan          what is to be done (pure): scopes → variables, metadata → configuration and history
    execute       stages side by side; steps: the steps of one; caching: one step, answered or done once
    actions       RUN, WORKDIR; copying: COPY and ADD; workshop: what they work with
        trees       what a source names; scan: one pass over a directory; contents: its digest
        placing     where it goes in the image; writing: onto disk and through the layer's tar at once
    state         the image between two steps
    build         the way in; request: what is asked; progress: what is told; failure: what is kept

The engine fills the ports: `runner.Runner`, `plan.Bases`, `failure.Keeper`, `progress.Sink`.
"""
