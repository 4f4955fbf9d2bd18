FROM scratch
COPY sub/f f2 /
