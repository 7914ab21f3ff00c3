package pages

// Routes are the method, path and least role of every route.
func Routes() (all [][3]string) {
	for _, r := range table() {
		all = append(all, [3]string{r.method(), r.path(), string(r.role)})
	}
	return all
}
