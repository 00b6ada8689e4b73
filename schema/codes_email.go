package schema

func emailCodes() []registered {
	return []registered{
		define(Code{
			Name: "email-template-syntax", Severity: Error, Summary: "an email template can't be read",
			Explain: `The template's Handlebars expressions are not in order, so that no email is made of it. Who
waits for a link to go on waits for ever.

  bad    {{#if object.mail}}Hello
  good   {{#if object.mail}}Hello{{/if}}

Vendor documentation: Email templates.`,
		},
			bad(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "subject": {"en": "Hi"}, "message": {"en": "<p>«{{»#if object.mail}}Hi</p>"}}
`, `-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "subject": {"en": "Hi «{{»object.mail"}, "message": {"en": "<p>Hi</p>"}}
`),
			good(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "subject": {"en": "Hi {{object.givenName}}"}, "message": {"en": "<p>{{#if object.mail}}Hi{{else}}Ho{{/if}} {{{object.x}}}</p>"}}
`)),
		define(Code{
			Name: "email-template-locale", Severity: Warning, Summary: "an email template lacks its default locale",
			Explain: `Users whose language the template does not have get the default locale's subject and message.
When one of the two is not there, they get an email without it.

  bad    "defaultLocale": "fr", "message": {"en": "..."}
  good   "defaultLocale": "en", "message": {"en": "..."}

Vendor documentation: Email templates.`,
		},
			bad(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "defaultLocale": «"fr"», "subject": {"en": "Hi"}, "message": {"en": "<p>Hi</p>"}}
`, `-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "defaultLocale": "fr", "subject": «{"en": "Hi"}», "message": {"en": "<p>Hi</p>", "fr": "<p>Salut</p>"}}
`),
			good(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "defaultLocale": "en", "subject": {"en": "Hi"}, "html": {"en": "<p>Hi</p>"}, "message": {}}
`)),
		define(Code{
			Name: "email-template-text", Severity: Warning, Summary: "an email template lacks its subject or its message",
			Explain: `An enabled template is used by journeys. Without a message, the email is empty; without a
subject, most mail programs take it for spam.

  bad    "subject": {"en": ""}
  good   "subject": {"en": "Reset your password"}

Vendor documentation: Email templates.`,
		},
			bad(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "subject": {"en": "Hi"}, "message": «{"en": " "}»}
`, `-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "subject": «{"en": ""}», "message": {"en": "<p>Hi</p>"}}
`),
			good(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "enabled": false, "from": "a@example.com", "subject": {"en": ""}, "message": {}}
`)),
		define(Code{
			Name: "email-template-html", Severity: Warning, Summary: "a tag in an email template has no partner",
			Explain: `Mail programs repair such HTML each in their own way, so that the link that a user needs may
not be where it was in the preview. Tags whose end may be left out are no fault, and tags
within {{#if}} are not judged.

  bad    <div><b>Hello</div>
  good   <div><b>Hello</b></div>`,
		},
			bad(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "subject": {"en": "Hi"}, "message": {"en": "<div>«<b>»Hi</div>"}}
`, `-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "subject": {"en": "Hi"}, "message": {"en": "<p>Hi«</strong>»</p>"}}
`),
			good(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "subject": {"en": "Hi"}, "message": {"en": "<p>one<p>two<br><img src=x><ul><li>a<li>b</ul>{{#if a}}<div>{{else}}<div class=\"b\">{{/if}}x</div>"}}
`, `-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "subject": {"en": "Hi"}, "message": {"en": "# Hi\n\nSee <https://example.com> or write to <help@example.com>.\n<!--[if mso]><v:roundrect><![endif]-->"}}
`)),
		define(Code{
			Name: "email-template-css", Severity: Warning, Summary: "an email template's styles can't be read",
			Explain: `Mail programs drop a style sheet from the place on where they can't read it.

  bad    a { color: red;
  good   a { color: red; }`,
		},
			bad(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "subject": {"en": "Hi"}, "message": {"en": "<p>Hi</p>"}, "styles": "a «{» color: red;"}
`),
			good(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "a@example.com", "subject": {"en": "Hi"}, "message": {"en": "<p>Hi</p>"}, "styles": "body{background-color:#324054;}\n@media screen { a { color: red } }"}
`)),
		define(Code{
			Name: "email-sender", Severity: Warning, Summary: "an email has no sender",
			Explain: `The email service needs a "from" to send anything: the template's, or the provider's.

  bad    "from": "" in the template, and no "from" in the email provider
  good   "from": "Acme <no-reply@example.com>" in one of them

Vendor documentation: Email provider, "From Address".`,
		},
			bad(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": «""», "subject": {"en": "Hi"}, "message": {"en": "<p>Hi</p>"}}
-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "auth": {"enable": false}}
`),
			good(`-- global/email-template/t.json --
{"_id": "emailTemplate/t", "from": "", "subject": {"en": "Hi"}, "message": {"en": "<p>Hi</p>"}}
-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "a@example.com", "auth": {"enable": false}}
`)),
		define(Code{
			Name: "email-provider", Severity: Error, Summary: "the email provider lacks what its type needs",
			Explain: `An SMTP provider needs host and port: without a host the tenant's built-in server is used,
which is for tests only (a warning). An MS Graph API provider needs mailEndpoint and the OAuth2
client that may send; without them no email leaves the tenant.

  bad    {"type": "msgraph", "from": "a@example.com"}
  good   {"type": "msgraph", "mailEndpoint": "https://graph.microsoft.com/...", "auth": {...}}

Vendor documentation: Email provider configuration properties, table 2 and table 3.`,
		},
			bad(`-- global/email-provider/external.email.json --
«{"port": 25, "from": "a@example.com", "auth": {"enable": false}}»
`, `-- global/email-provider/external.email.json --
{"type": "msgraph", "mailEndpoint": "https://graph.microsoft.com/v1.0/users/x/sendMail", "from": "a@example.com", "auth": «{"enable": true, "type": "oauth2", "clientId": "c", "tokenEndpoint": "https://login.microsoftonline.com/x"}»}
`),
			good(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "a@example.com", "auth": {"enable": false, "username": "", "password": ""}}
`)),
	}
}
