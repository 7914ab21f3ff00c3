package scimsim

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// Strict is what the RFCs say.
func Strict() Dialect { return Dialect{} }

// Cinode is what Cinode's SCIM document says, and the likelier side where it
// does not: CinodeVariants has the other sides.
func Cinode() Dialect {
	return Dialect{
		Base: "/scim/tenants/{account}/v2", DiscoveryBase: "/scim/v2", ConfigPaths: []string{"ServiceProviderConfigs"},
		ContentType: "application/json", ErrorBody: ErrorAttributes,
		UserIDs: IDsNumeric, GroupIDs: IDsClient,
		Delete: DeleteInactive, UniqueMail: true, DuplicateStatus: http.StatusBadRequest, NoDuplicateType: true,
		DuplicateText: "Another user with this email address already exists",
		Extensions:    ExtensionsCinode, Unknown: UnknownDropped,
		Required: []string{"name.givenName", "name.familyName"}, Immutable: []string{"userName", "externalId"},
		FilterOps: []string{"eq", "ne", "co", "lt", "le", "gt", "ge"}, NoLogic: true, NoValuePaths: true, Unquoted: UnquotedTaken,
		LargestPage: 1000, PutGroups: http.StatusMethodNotAllowed, NoSearch: true,
		Ops: OpsAny, Booleans: BooleansRead, GroupPatchAnswer: PatchedNoContent,
		RemoveByValue: RemovesListed, Teams: true,
	}
}

// CinodeVariants are the points that Cinode's document leaves open, each as the
// change that turns Cinode into its other side.
func CinodeVariants() map[string]func(*Dialect) {
	return map[string]func(*Dialect){
		"values of filters must not be quoted":      func(d *Dialect) { d.Unquoted = UnquotedOnly },
		"values of filters must be quoted":          func(d *Dialect) { d.Unquoted = UnquotedRefused },
		"ops are taken in its document's case only": func(d *Dialect) { d.Ops = OpsTitle },
		"the config path is singular":               func(d *Dialect) { d.ConfigPaths = []string{"ServiceProviderConfig"} },
		"discovery lives at the tenant only":        func(d *Dialect) { d.DiscoveryBase = "" },
		"resources live at the general base":        func(d *Dialect) { d.Base, d.DiscoveryBase = "/scim/v2", "" },
		"groups get an id of Cinode's own":          func(d *Dialect) { d.GroupIDs = IDsNumeric },
		"duplicates are a 409":                      func(d *Dialect) { d.DuplicateStatus, d.NoDuplicateType = http.StatusConflict, false },
		"members are removed by filter only":        func(d *Dialect) { d.RemoveByValue = RemovesAll },
		"members are removed by value list only":    func(d *Dialect) { d.FilteredRemove = Refused },
		"filtered removal does nothing":             func(d *Dialect) { d.FilteredRemove = Ignored },
		"members are removed by their operation": func(d *Dialect) {
			d.MemberOperation, d.FilteredRemove, d.RemoveByValue = true,
				Refused, RemovesRefused
		},
		"extension attributes are not enabled":       func(d *Dialect) { d.NotEnabled = []string{EnterpriseSchema, CinodeSchema} },
		"displayName is made of the names":           func(d *Dialect) { d.DerivedNames = true },
		"strings for booleans are refused":           func(d *Dialect) { d.Booleans = BooleansStrict },
		"a change of userName is dropped silently":   func(d *Dialect) { d.ImmutableIgnored = true },
		"refusals are SCIM errors":                   func(d *Dialect) { d.ErrorBody = ErrorSCIM },
		"deleting a group deletes its team":          func(d *Dialect) { d.DeleteTeams = true },
		"groups cannot be deleted":                   func(d *Dialect) { d.DeleteGroups = http.StatusForbidden },
		"renaming a group renames its team":          func(d *Dialect) { d.RenameTeams = true },
		"a prepared link goes by the name":           func(d *Dialect) { d.LinkByNameOnly = true },
		"an account without the add-on answers 404":  func(d *Dialect) { d.AddOnStatus = http.StatusNotFound },
		"answers are labelled application/scim+json": func(d *Dialect) { d.ContentType = "" },
		"disconnected users cannot come back":        func(d *Dialect) { d.Reactivation = Ignored },
		"disconnected users are not shown":           func(d *Dialect) { d.Delete = DeleteHidden },
		"deleted users are gone":                     func(d *Dialect) { d.Delete = DeleteGone },
		"ids of users are JSON numbers":              func(d *Dialect) { d.NumericIDs = true },
		"group changes are answered with the group":  func(d *Dialect) { d.GroupPatchAnswer = PatchedBody },
	}
}

// quirks are one dialect for each behaviour that has been met in the wild.
var quirks = map[string]func(*Dialect){
	"a creation is a 200":                            func(d *Dialect) { d.CreatedStatus = http.StatusOK },
	"absent attribute of another user fails filters": func(d *Dialect) { d.NeedsAttribute = true },
	"absent member is a 404":                         func(d *Dialect) { d.AbsentStatus = http.StatusNotFound },
	"and finds nothing":                              func(d *Dialect) { d.AndFindsNothing = true },
	"bad JSON is a 500":                              func(d *Dialect) { d.BadJSONStatus = http.StatusInternalServerError },
	"bare discovery":                                 func(d *Dialect) { d.BareDiscovery = true },
	"batches of members are small": func(d *Dialect) {
		d.MemberLimit, d.MemberLimitStatus = 10,
			http.StatusRequestEntityTooLarge
	},
	"booleans answered as text":          func(d *Dialect) { d.AnswerBooleans = BooleansRead },
	"booleans as numbers":                func(d *Dialect) { d.Booleans, d.AnswerBooleans = BooleansNumber, BooleansNumber },
	"booleans stored as text":            func(d *Dialect) { d.Booleans, d.AnswerBooleans = BooleansText, BooleansText },
	"config path is plural":              func(d *Dialect) { d.ConfigPaths = []string{"ServiceProviderConfigs"} },
	"create answer is empty":             func(d *Dialect) { d.CreateAnswer = CreatedEmpty },
	"create answer has no Location":      func(d *Dialect) { d.CreateAnswer = CreatedWithoutLocation },
	"create answer has no id":            func(d *Dialect) { d.CreateAnswer = CreatedWithoutID },
	"create answer says nothing":         func(d *Dialect) { d.CreateAnswer = CreatedWithoutAnything },
	"count is ignored":                   func(d *Dialect) { d.IgnoreCount, d.DefaultPage = true, 20 },
	"cursor paging":                      func(d *Dialect) { d.Paging = PagingCursor },
	"cursor paging unasked":              func(d *Dialect) { d.Paging = PagingCursorUnasked },
	"cursors expire":                     func(d *Dialect) { d.Paging, d.CursorLife = PagingCursor, time.Minute },
	"default page is small":              func(d *Dialect) { d.DefaultPage = 10 },
	"delayed reads":                      func(d *Dialect) { d.Lag = 3 * time.Second },
	"deleted users stay members":         func(d *Dialect) { d.KeepsDangling = true },
	"dotted keys are lost":               func(d *Dialect) { d.DottedKeysLost = true },
	"duplicate is a 400":                 func(d *Dialect) { d.DuplicateStatus = http.StatusBadRequest },
	"duplicate is a 400 without a type":  func(d *Dialect) { d.DuplicateStatus, d.NoDuplicateType = http.StatusBadRequest, true },
	"duplicate members are stored twice": func(d *Dialect) { d.DoubleMembers = true },
	"Entra's dialect": func(d *Dialect) {
		d.Ops, d.Booleans, d.EntraPaths, d.RemoveByValue = OpsAny, BooleansRead, true, RemovesListed
	},
	"errors are HTML":                       func(d *Dialect) { d.ErrorBody = ErrorHTML },
	"errors are OAuth's":                    func(d *Dialect) { d.ErrorBody = ErrorOAuth },
	"errors are SCIM 1.1":                   func(d *Dialect) { d.ErrorBody = ErrorV1 },
	"errors are a message":                  func(d *Dialect) { d.ErrorBody = ErrorMessage },
	"errors are empty":                      func(d *Dialect) { d.ErrorBody = ErrorEmpty },
	"errors are problems":                   func(d *Dialect) { d.ErrorBody = ErrorProblem },
	"errors are text":                       func(d *Dialect) { d.ErrorBody = ErrorText },
	"errors by attribute":                   func(d *Dialect) { d.ErrorBody = ErrorAttributes },
	"escapes in filters are refused":        func(d *Dialect) { d.RefuseEscapes = true },
	"ETag noise":                            func(d *Dialect) { d.ETagNoise = true },
	"every error is invalidSyntax":          func(d *Dialect) { d.AlwaysScimType = "invalidSyntax" },
	"extensions without a path are refused": func(d *Dialect) { d.PathlessExtensions = PathlessRefused },
	"extensions without a path are ignored": func(d *Dialect) { d.PathlessExtensions = PathlessIgnored },
	"extensions are listed though empty":    func(d *Dialect) { d.EchoExtensions = true },
	"externalId is unique":                  func(d *Dialect) { d.UniqueExternalID = true },
	"externalId compares without case":      func(d *Dialect) { d.FoldExternalID = true },
	"filter by userName only":               func(d *Dialect) { d.FilterPaths = []string{"userName"} },
	"filter eq only":                        func(d *Dialect) { d.FilterOps, d.NoLogic, d.NoValuePaths = []string{"eq"}, true, true },
	"filter finds no mail":                  func(d *Dialect) { d.MailFindsNone = true },
	"filter is case-exact for userName":     func(d *Dialect) { d.ExactUserName = true },
	"filter is forbidden":                   func(d *Dialect) { d.Filtering = FilterForbidden },
	"filter is ignored":                     func(d *Dialect) { d.Filtering = FilterIgnored },
	"filter is missing":                     func(d *Dialect) { d.Filtering = FilterMissing },
	"filter is refused":                     func(d *Dialect) { d.Filtering = FilterRefused },
	"filter loses plus":                     func(d *Dialect) { d.LosesPlus = true },
	"filter without hits is a 404":          func(d *Dialect) { d.NoneIs404 = true },
	"filtered remove is ignored":            func(d *Dialect) { d.FilteredRemove = Ignored },
	"filtered remove is refused":            func(d *Dialect) { d.FilteredRemove = Refused },
	"group id is the externalId":            func(d *Dialect) { d.GroupIDs = IDsExternal },
	"group members may be groups":           func(d *Dialect) { d.NestedGroups = true },
	"group names are unique":                func(d *Dialect) { d.UniqueGroupName = true },
	"id is the userName":                    func(d *Dialect) { d.UserIDs = IDsUserName },
	"ids are numbers":                       func(d *Dialect) { d.UserIDs, d.NumericIDs = IDsNumeric, true },
	"itemsPerPage is what was asked for":    func(d *Dialect) { d.PageSizeEchoed = true },
	"label is application/json":             func(d *Dialect) { d.ContentType = "application/json" },
	"label is text/html":                    func(d *Dialect) { d.ContentType = "text/html; charset=utf-8" },
	"Location is relative":                  func(d *Dialect) { d.RelativeURL = true },
	"mail is lower-cased":                   func(d *Dialect) { d.LowerMail = true },
	"member of its own is not an array":     func(d *Dialect) { d.ArrayMembersOnly = true },
	"members are never shown":               func(d *Dialect) { d.MembersHidden = true },
	"members are cut":                       func(d *Dialect) { d.MembersShown = 100 },
	"missing object is a 500":               func(d *Dialect) { d.UnknownStatus = http.StatusInternalServerError },
	"names are derived":                     func(d *Dialect) { d.DerivedNames = true },
	"names are derived now and then":        func(d *Dialect) { d.DerivedNames, d.LowerMail, d.EverySecondWrite = true, true, true },
	"no PATCH": func(d *Dialect) {
		d.PatchUsers, d.PatchGroups = http.StatusMethodNotAllowed, http.StatusMethodNotAllowed
	},
	"no PATCH, said with 501":    func(d *Dialect) { d.PatchUsers, d.PatchGroups = http.StatusNotImplemented, http.StatusNotImplemented },
	"no PATCH, and PUT disables": func(d *Dialect) { d.PatchUsers, d.PutDisables = http.StatusMethodNotAllowed, true },
	"no PATCH, though it is announced": func(d *Dialect) {
		d.PatchUsers, d.PatchGroups, d.Announced = http.StatusNotImplemented, http.StatusNotImplemented, &Capabilities{Patch: true}
	},
	"no PUT": func(d *Dialect) {
		d.PutUsers, d.PutGroups = http.StatusMethodNotAllowed,
			http.StatusMethodNotAllowed
	},
	"no discovery":                           func(d *Dialect) { d.NoDiscovery = http.StatusNotFound },
	"no extensions":                          func(d *Dialect) { d.Extensions = ExtensionsNone },
	"null is refused":                        func(d *Dialect) { d.RefuseNull = true },
	"numbers are text":                       func(d *Dialect) { d.TextNumbers = true },
	"op is Title":                            func(d *Dialect) { d.Ops = OpsTitle },
	"or in removal is ignored":               func(d *Dialect) { d.OrRemove = Ignored },
	"page too large is refused":              func(d *Dialect) { d.LargestPage, d.RefuseLarge = 50, true },
	"page is capped":                         func(d *Dialect) { d.LargestPage = 50 },
	"paging ignores startIndex":              func(d *Dialect) { d.Paging = PagingSticks },
	"paging lies altogether":                 func(d *Dialect) { d.Paging, d.TotalIsPage, d.LargestPage = PagingSticks, true, 50 },
	"paging wraps":                           func(d *Dialect) { d.Paging = PagingWraps },
	"PATCH answers 202":                      func(d *Dialect) { d.PatchAnswer, d.GroupPatchAnswer = PatchedAccepted, PatchedAccepted },
	"PATCH answers 204":                      func(d *Dialect) { d.PatchAnswer, d.GroupPatchAnswer = PatchedNoContent, PatchedNoContent },
	"PATCH answers 204 when nothing changed": func(d *Dialect) { d.PatchAnswer, d.GroupPatchAnswer = PatchedMixed, PatchedMixed },
	"PATCH answers in part":                  func(d *Dialect) { d.PatchAnswer, d.GroupPatchAnswer = PatchedPartial, PatchedPartial },
	"PATCH is not atomic":                    func(d *Dialect) { d.NotAtomic = true },
	"pathless replaces objects":              func(d *Dialect) { d.Pathless = PathlessReplaces },
	"paths in another case are ignored":      func(d *Dialect) { d.WrongCasePaths = WrongCaseIgnored },
	"paths in another case are refused":      func(d *Dialect) { d.WrongCasePaths = WrongCaseRefused },
	"present member is a 500":                func(d *Dialect) { d.PresentStatus = http.StatusInternalServerError },
	"redirects":                              func(d *Dialect) { d.Redirect = http.StatusPermanentRedirect },
	"redirects that lose the method":         func(d *Dialect) { d.Redirect = http.StatusFound },
	"redirects to another host": func(d *Dialect) {
		d.Redirect, d.RedirectHost = http.StatusTemporaryRedirect,
			"elsewhere.example"
	},
	"redirects without end":            func(d *Dialect) { d.Redirect, d.RedirectHops = http.StatusPermanentRedirect, 1000 },
	"replace members is ignored":       func(d *Dialect) { d.ReplaceMembers = Ignored },
	"replace members is refused":       func(d *Dialect) { d.ReplaceMembers = Refused },
	"Resources is missing":             func(d *Dialect) { d.Empty = EmptyMissing },
	"Resources is null":                func(d *Dialect) { d.Empty = EmptyNull },
	"scim+json is refused":             func(d *Dialect) { d.RefuseSCIMType = true },
	"scim+json is not acceptable":      func(d *Dialect) { d.RefuseSCIMAccept = true },
	"selection is ignored":             func(d *Dialect) { d.IgnoreSelection = true },
	"replace of nothing adds":          func(d *Dialect) { d.CreatesTargets = true },
	"soft delete":                      func(d *Dialect) { d.Delete = DeleteInactive },
	"soft delete keeps the name":       func(d *Dialect) { d.Delete, d.SecondDelete = DeleteHidden, http.StatusInternalServerError },
	"status is a number":               func(d *Dialect) { d.NumericStatus = true },
	"strings for booleans are taken":   func(d *Dialect) { d.Booleans = BooleansRead },
	"text is trimmed and cut":          func(d *Dialect) { d.TrimText, d.CutText = true, 40 },
	"title takes no PATCH":             func(d *Dialect) { d.IgnorePatchOf = []string{"title"} },
	"totalResults is the page":         func(d *Dialect) { d.TotalIsPage = true },
	"totalResults lies":                func(d *Dialect) { d.TotalOff = 7 },
	"unknown attributes are dropped":   func(d *Dialect) { d.Unknown = UnknownDropped },
	"unknown attributes are stored":    func(d *Dialect) { d.Unknown = UnknownStored },
	"unknown members are accepted":     func(d *Dialect) { d.UnknownMember = -1 },
	"unknown operators find everybody": func(d *Dialect) { d.FilterOps, d.UnknownOpIsAll = []string{"eq"}, true },
	"userNames may differ in case":     func(d *Dialect) { d.ExactUniqueness = true },
	"users show their groups":          func(d *Dialect) { d.UserGroups = true },
	"versions are checked":             func(d *Dialect) { d.Versions = VersionsChecked },
	"versions are required":            func(d *Dialect) { d.Versions = VersionsRequired },
	"X-Retry-After":                    func(d *Dialect) { d.RetryHeader = "X-Retry-After" },
}

// Quirks returns the names of the behaviours met in the wild, in order.
func Quirks() []string { return slices.Sorted(maps.Keys(quirks)) }

// Quirk returns Strict with those behaviours; it panics on a name that is none of Quirks.
func Quirk(names ...string) Dialect {
	d := Strict()
	for _, n := range names {
		quirk, ok := quirks[n]
		if !ok {
			panic("scimsim: no quirk " + n)
		}
		quirk(&d)
	}
	return d
}
