package config

// Unreadable is open to the tests, which cannot make a file that root may not read.
var Unreadable = unreadable
