"""The policy room: what runs next, as pure functions over arrays. Times are ms, amounts whole units."""
