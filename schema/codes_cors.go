package schema

func corsCodes() []registered {
	return []registered{
		define(Code{
			Name: "cors-wildcard-origin", Severity: Warning, Summary: "every web site may call the tenant's API",
			Explain: `"*" lets a page of any site read the API's answers in its visitors' browsers. With
allowCredentials it could do so as the visitor, and it is an error then. The vendor does
not support wildcards in AM's accepted origins. IDM's own filter comes with "*" and without
credentials on every tenant: that is an info.

  bad    "acceptedOrigins": ["*"]
  good   "acceptedOrigins": ["https://app.example.com"]

Vendor documentation: Configure CORS.`,
		},
			bad(`-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": [«"*"»]}
`, `-- global/cors-idm/cors.json --
{"_id": "servletfilter/cors", "initParams": {"allowedOrigins": «"*"», "allowCredentials": true}}
`),
			good(`-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": ["https://app.example.com"]}
`)),
		define(Code{
			Name: "cors-malformed-origin", Severity: Error, Summary: "an origin that no browser sends",
			Explain: `An origin is compared as text with what browsers send: scheme://host, and :port unless it
is the scheme's own. With a path, a slash at the end or a wildcard, it matches nothing, and
the application gets CORS errors.

  bad    "https://app.example.com/"     "app.example.com"     "https://*.example.com"
  good   "https://app.example.com"

Vendor documentation: Configure CORS.`,
		},
			bad(`-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": ["https://app.example.com:443", «"https://app.example.com/"»]}
`, `-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": [«"https://*.example.com"»]}
`),
			good(`-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": ["https://app.example.com:443", "http://localhost:8080", "null", "&{esv.origin}"]}
`)),
		define(Code{
			Name: "cors-methods", Severity: Error, Summary: "a CORS method is not in upper case",
			Explain: `Methods are compared as text, and browsers send them in upper case.

  bad    "acceptedMethods": ["post"]
  good   "acceptedMethods": ["POST"]

Vendor documentation: Configure CORS ("Use only uppercase characters").`,
		},
			bad(`-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": ["https://app.example.com"], "acceptedMethods": [«"post"»]}
`),
			good(`-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": ["https://app.example.com"], "acceptedMethods": ["POST", "GET"]}
`)),
		define(Code{
			Name: "cors-name", Severity: Error, Summary: "a CORS configuration's name has other characters",
			Explain: `The tenant takes numerals, letters and hyphens in the name of a CORS configuration, and
nothing else.

  bad    "_id": "my app"
  good   "_id": "my-app"

Vendor documentation: Configure CORS ("Use only numerals, letters, and hyphens").`,
		},
			bad(`-- global/cors/my%20app.json --
{"_id": «"my app"», "acceptedOrigins": ["https://app.example.com"]}
`),
			good(`-- global/cors/my-app2.json --
{"_id": "my-app2", "acceptedOrigins": ["https://app.example.com"]}
`)),
		define(Code{
			Name: "cors-header", Severity: Error, Summary: "a CORS header is no header's name",
			Explain: `Header names are compared as they stand. One with a colon or a space matches nothing, and the
application gets CORS errors.

  bad    "acceptedHeaders": ["X-Requested-With:"]
  good   "acceptedHeaders": ["X-Requested-With"]

Vendor documentation: Configure CORS.`,
		},
			bad(`-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": ["https://app.example.com"], "acceptedHeaders": [«"X-Requested-With:"»]}
`, `-- global/cors-idm/servletfilter%2Fcors.json --
{"_id": "servletfilter/cors", "initParams": {"allowedOrigins": "https://app.example.com", "allowedHeaders": «"accept,x requested with"»}}
`),
			good(`-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": ["https://app.example.com"], "acceptedHeaders": ["X-Requested-With", "accept-api-version"]}
`)),
		define(Code{
			Name: "cors-disagree", Severity: Info, Summary: "AM and IDM let in other origins",
			Explain: `The tenant has two filters: AM's for logins and tokens, IDM's for identities. An application
of an origin that only one of them knows works halfway. It may be meant so.

  good   the same origins in AM's configurations and in IDM's allowedOrigins

Vendor documentation: Configure CORS.`,
		},
			bad(`-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": ["https://app.example.com", «"https://shop.example.com"»]}
-- global/cors-idm/servletfilter%2Fcors.json --
{"_id": "servletfilter/cors", "initParams": {"allowedOrigins": "https://app.example.com"}}
`, `-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": ["https://app.example.com"]}
-- global/cors-idm/servletfilter%2Fcors.json --
{"_id": "servletfilter/cors", "initParams": {"allowedOrigins": «"https://app.example.com,https://shop.example.com"»}}
`),
			good(`-- global/cors/c.json --
{"_id": "c", "acceptedOrigins": ["https://app.example.com"]}
-- global/cors-idm/servletfilter%2Fcors.json --
{"_id": "servletfilter/cors", "initParams": {"allowedOrigins": "&{esv.cors.origins}"}}
`)),
	}
}
