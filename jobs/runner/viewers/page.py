"""The viewer's page, with a first picture of the data while the program loads.

A browser needs a second for the program before it asks for the first tile. Until then the page
shows a picture where the program's map will show the data. The page is the same for all viewers.
The request for the picture names the page's address (`Referer`), which says what data to draw.
Styles alone hide the picture when the map draws. If it cannot be drawn, nothing is shown.
"""

from __future__ import annotations

PAGE = "index.html"
_END_OF_BODY = b"</body>"
_PICTURE = b"""\
<style>
:root:not(:has(#root > *)) { color-scheme: light dark; }
.first-picture { display: none; position: fixed; z-index: -1; inset: 106px 0 0; }
.first-picture img { display: block; width: 100%; height: 100%; }
@media (max-width: 1250px) { .first-picture { top: 152px; } }
@media (max-width: 650px) { .first-picture { top: 198px; } }
@media (max-width: 410px) { .first-picture { top: 242px; } }
@supports selector(:has(*)) { .first-picture { display: block; } }
@keyframes first-picture-leaves { to { visibility: hidden; opacity: 0; } }
body:has(#root > *) .first-picture { animation: first-picture-leaves 0.3s 10s forwards; }
body:has(#root .ol-layer) .first-picture {
  visibility: hidden; opacity: 0; transition: visibility 0.8s, opacity 0.3s 0.5s;
}
</style>
<div class="first-picture" role="img" aria-busy="true" aria-label="The data; the viewer is loading">
<img src="first-picture.svg" alt="">
</div>
"""
"""The place of the map below the program's bars, which take more lines on small windows.

The map is there a moment before its first tiles, so the picture goes with a delay. It also goes if
the program has begun and has no map to draw.
"""


def with_picture(page: bytes) -> bytes:
    """The viewer's page with the place of the picture."""
    before, end, after = page.rpartition(_END_OF_BODY)
    return b"".join([before, _PICTURE, end, after]) if end else page
