"""Videos: what a file holds, its pictures one at a time, and a copy with other pictures and the same sound."""
