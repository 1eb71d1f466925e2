-- SPDX-License-Identifier: EUPL-1.2
-- A module of Prosody: writes each stanza that a component sends to another server, as it is before TLS, to the file
-- that the option border_tap_file names.
local file = assert(io.open(module:get_option_string("border_tap_file"), "a"))
file:setvbuf("line")

module:hook("route/remote", function(event)
	file:write((tostring(event.stanza):gsub("\n", " ")), "\n")
end, 1000)
