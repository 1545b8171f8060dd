// Generated from docs/openapi.json by `npm run generate`; a gate compares it.
export interface paths {
    "/api/v1/account": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The account you act for */
        get: operations["getAccount"];
        put?: never;
        post?: never;
        /**
         * End the account, once nothing lives in it
         * @description Takes the session of a person: an API token is refused.
         */
        delete: operations["deleteAccount"];
        options?: never;
        head?: never;
        /** Give the account another name */
        patch: operations["updateAccount"];
        trace?: never;
    };
    "/api/v1/account/invitations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The account's invitations, newest first */
        get: operations["listInvitations"];
        put?: never;
        /**
         * Mail somebody a link that makes them a member, good for 7 days
         * @description Takes the session of a person: an API token is refused.
         */
        post: operations["createInvitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/invitations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take an invitation back */
        delete: operations["revokeInvitation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/invitations/{id}/resend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Mail it again, with a new link and for another 7 days; the former link ends
         * @description Takes the session of a person: an API token is refused.
         */
        post: operations["resendInvitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who belongs to the account, the latest first */
        get: operations["listMembers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/members/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove a member, or leave by yourself
         * @description Takes the session of a person: an API token is refused.
         */
        delete: operations["removeMember"];
        options?: never;
        head?: never;
        /**
         * Give a member another role; only owners make and unmake owners
         * @description Takes the session of a person: an API token is refused.
         */
        patch: operations["updateMember"];
        trace?: never;
    };
    "/api/v1/account/transfer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a member an owner and yourself an admin
         * @description Takes the session of a person: an API token is refused.
         */
        post: operations["transferAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The accounts you belong to, the latest first */
        get: operations["listAccounts"];
        put?: never;
        /** Another account of your own */
        post: operations["createAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The account's alerts and how they stand, newest first */
        get: operations["listAlerts"];
        put?: never;
        /** Be told when a metric crosses a limit, traffic drops, errors rise or a certificate ends */
        post: operations["createAlert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One alert and how it stands */
        get: operations["getAlert"];
        put?: never;
        post?: never;
        /** Delete an alert with its history; whoever was told that it is raised is told that this is over */
        delete: operations["deleteAlert"];
        options?: never;
        head?: never;
        /** Change what the merge patch names, a condition as a whole; what it was raised for is over when it waits for something else */
        patch: operations["updateAlert"];
        trace?: never;
    };
    "/api/v1/alerts/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** When it was raised and resolved in the last 90 days, and why, newest first */
        get: operations["listAlertEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tell everybody whom it tells, as if it were raised, and say that it is a test */
        post: operations["testAlert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/api-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Your tokens in the account, newest first; for admins those of all members */
        get: operations["listApiTokens"];
        put?: never;
        /**
         * A token for a program, which is shown this once; API tokens make no others
         * @description Takes the session of a person: an API token is refused.
         */
        post: operations["createApiToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/api-tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One token, without its secret */
        get: operations["getApiToken"];
        put?: never;
        post?: never;
        /** End a token: the next request with it is a 401. An API token ends itself alone */
        delete: operations["revokeApiToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who changed what in the account, newest first */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/change-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Choose another password; every session ends, and the answer has the token of a new one */
        post: operations["changePassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/forgot-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Have a link mailed for a new password; the answer is the same whoever the address belongs to */
        post: operations["forgetPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/identities": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What you log in with besides a password: ten at most */
        get: operations["listIdentities"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/identities/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Log in with it no more */
        delete: operations["removeIdentity"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Get a token for 24 hours */
        post: operations["logIn"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End the session of this token, which is good for nothing from then on */
        post: operations["logOut"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/openid/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Get a token for the code that /openid/login leads to in a browser */
        post: operations["logInWithOpenId"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/profile": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who you are to others */
        get: operations["getProfile"];
        /** Change what you name; another e-mail address takes your password and is to be confirmed */
        put: operations["updateProfile"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Become a user with an account of your own */
        post: operations["register"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/reset-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Choose a new password with the token that was mailed; every session ends */
        post: operations["resetPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where you are logged in, newest first */
        get: operations["listSessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Log out somewhere else */
        delete: operations["endSession"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/siwe/link": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Log in with this wallet too from now on */
        post: operations["linkEthereum"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/siwe/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Get a token for a message that a wallet has signed; an address that nobody has becomes a new user */
        post: operations["logInWithEthereum"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/siwe/nonce": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Get a nonce for a message to sign; it is good once, for five minutes */
        post: operations["giveEthereumNonce"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/totp": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether logging in takes a code of your authenticator */
        get: operations["getTotp"];
        put?: never;
        /** Get a secret for an authenticator; confirm a code of it to turn it on */
        post: operations["enrolTotp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/totp/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Turn the authenticator on with a first code, and get ten recovery codes */
        post: operations["confirmTotp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/totp/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Log in without an authenticator again */
        post: operations["disableTotp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/totp/recovery-codes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Get ten new recovery codes instead of those that are left */
        post: operations["renewRecoveryCodes"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Is this token good, and whose is it */
        get: operations["verifyToken"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/verify-email": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Confirm an address with the token that was mailed to it */
        post: operations["verifyEmail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/verify-email/send": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Mail the token again; more than one a minute is not sent */
        post: operations["sendEmailVerification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cache-policies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The built-in policies, then the account's own by name */
        get: operations["listCachePolicies"];
        put?: never;
        /** Name a list of cache rules that distributions can share */
        post: operations["createCachePolicy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cache-policies/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One cache policy */
        get: operations["getCachePolicy"];
        put?: never;
        post?: never;
        /** Delete a policy that no distribution uses */
        delete: operations["deleteCachePolicy"];
        options?: never;
        head?: never;
        /** Change what the merge patch names; whatever uses it is deployed anew */
        patch: operations["updateCachePolicy"];
        trace?: never;
    };
    "/api/v1/certificates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The account's certificates, newest first */
        get: operations["listCertificates"];
        put?: never;
        /** Upload a certificate with its key (201), or have one got and renewed (202) */
        post: operations["createCertificate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/certificates/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One certificate, without its key */
        get: operations["getCertificate"];
        put?: never;
        post?: never;
        /** Delete a certificate that no distribution is served with, and destroy its key */
        delete: operations["deleteCertificate"];
        options?: never;
        head?: never;
        /** Rename it, or send another one in its place: edges show that within a second */
        patch: operations["updateCertificate"];
        trace?: never;
    };
    "/api/v1/certificates/{id}/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask the authority for another one now */
        post: operations["renewCertificate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/certificates/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Have the authority take it back, after another one has taken its place */
        post: operations["revokeCertificate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deployment-rollouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How each new compiler's work got from the canary group to the others, newest first */
        get: operations["listDeploymentRollouts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deployment-rollouts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One rollout */
        get: operations["getDeploymentRollout"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deployment-rollouts/{id}/continue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let the other groups follow now, whatever the canary says */
        post: operations["continueDeploymentRollout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deployment-rollouts/{id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let the other groups keep what they have, until it is continued or a newer compiler comes */
        post: operations["stopDeploymentRollout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The account's distributions, filtered, searched and sorted */
        get: operations["listDistributions"];
        put?: never;
        /** Put a domain in front of an origin */
        post: operations["createDistribution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One distribution */
        get: operations["getDistribution"];
        put?: never;
        post?: never;
        /** Stop serving the domain and free its name */
        delete: operations["deleteDistribution"];
        options?: never;
        head?: never;
        /** Change what the merge patch names */
        patch: operations["updateDistribution"];
        trace?: never;
    };
    "/api/v1/distributions/{id}/access-rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All access rules in their order */
        get: operations["listAccessRules"];
        /** Replace all access rules at once, in this order; those with an id stay themselves */
        put: operations["replaceAccessRules"];
        /** Add an access rule: who is let in, or refused */
        post: operations["createAccessRule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/access-rules/{rule_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One access rule */
        get: operations["getAccessRule"];
        put?: never;
        post?: never;
        /** Remove an access rule */
        delete: operations["deleteAccessRule"];
        options?: never;
        head?: never;
        /** Change what the merge patch names; position moves the access rule */
        patch: operations["updateAccessRule"];
        trace?: never;
    };
    "/api/v1/distributions/{id}/cache-rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All cache rules in their order */
        get: operations["listCacheRules"];
        /** Replace all cache rules at once, in this order; those with an id stay themselves */
        put: operations["replaceCacheRules"];
        /** Add a cache rule: which answers are kept, how long, and what tells them apart */
        post: operations["createCacheRule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/cache-rules/{rule_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One cache rule */
        get: operations["getCacheRule"];
        put?: never;
        post?: never;
        /** Remove a cache rule */
        delete: operations["deleteCacheRule"];
        options?: never;
        head?: never;
        /** Change what the merge patch names; position moves the cache rule */
        patch: operations["updateCacheRule"];
        trace?: never;
    };
    "/api/v1/distributions/{id}/clone": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The same configuration for another domain */
        post: operations["cloneDistribution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/deployment": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How far the distribution got on the edges */
        get: operations["getDeployment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Answer viewers with 503 until it is enabled */
        post: operations["disableDistribution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Serve it again */
        post: operations["enableDistribution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/header-rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All header rules in their order */
        get: operations["listHeaderRules"];
        /** Replace all header rules at once, in this order; those with an id stay themselves */
        put: operations["replaceHeaderRules"];
        /** Add a header rule: a header that is set, added or removed */
        post: operations["createHeaderRule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/header-rules/{rule_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One header rule */
        get: operations["getHeaderRule"];
        put?: never;
        post?: never;
        /** Remove a header rule */
        delete: operations["deleteHeaderRule"];
        options?: never;
        head?: never;
        /** Change what the merge patch names; position moves the header rule */
        patch: operations["updateHeaderRule"];
        trace?: never;
    };
    "/api/v1/distributions/{id}/origins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All origins, the primary one first */
        get: operations["listOrigins"];
        put?: never;
        /** One more origin */
        post: operations["createOrigin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/origins/{origin_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One origin */
        get: operations["getOrigin"];
        put?: never;
        post?: never;
        /** Fetch nothing from it any more */
        delete: operations["deleteOrigin"];
        options?: never;
        head?: never;
        /** Change what the merge patch names */
        patch: operations["updateOrigin"];
        trace?: never;
    };
    "/api/v1/distributions/{id}/prefetches": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make the edges fetch URLs before viewers ask for them */
        post: operations["createPrefetch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/purges": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The purges of the last 90 days, the newest first */
        get: operations["listPurges"];
        put?: never;
        /** Make the edges fetch anew: URLs, prefixes, tags or everything */
        post: operations["createPurge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/purges/{purge_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a purge named, and how far each edge got with it */
        get: operations["getPurge"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/rate-limits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All rate limits in their order */
        get: operations["listRateLimits"];
        /** Replace all rate limits at once, in this order; those with an id stay themselves */
        put: operations["replaceRateLimits"];
        /** Add a rate limit: how often one viewer address may ask */
        post: operations["createRateLimit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/rate-limits/{rule_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One rate limit */
        get: operations["getRateLimit"];
        put?: never;
        post?: never;
        /** Remove a rate limit */
        delete: operations["deleteRateLimit"];
        options?: never;
        head?: never;
        /** Change what the merge patch names; position moves the rate limit */
        patch: operations["updateRateLimit"];
        trace?: never;
    };
    "/api/v1/distributions/{id}/redirects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All redirects in their order */
        get: operations["listRedirects"];
        /** Replace all redirects at once, in this order; those with an id stay themselves */
        put: operations["replaceRedirects"];
        /** Add a redirect: where a path has moved */
        post: operations["createRedirect"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/redirects/{rule_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One redirect */
        get: operations["getRedirect"];
        put?: never;
        post?: never;
        /** Remove a redirect */
        delete: operations["deleteRedirect"];
        options?: never;
        head?: never;
        /** Change what the merge patch names; position moves the redirect */
        patch: operations["updateRedirect"];
        trace?: never;
    };
    "/api/v1/distributions/{id}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Return to a former version, as a new one */
        post: operations["rollBackDistribution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Look at the domain's DNS now */
        post: operations["validateDistribution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/validation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the domain leads here, what was found in DNS, and which records would mend it */
        get: operations["getValidation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every change, newest first, with its author and what differs */
        get: operations["listVersions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/versions/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One version with its whole configuration */
        get: operations["getVersion"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/distributions/{id}/versions/{number}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What differs between two versions */
        get: operations["compareVersions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/edge-groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Points of presence and their settings, newest first */
        get: operations["listEdgeGroups"];
        put?: never;
        /** A point of presence; left out, its settings are whole and sensible ones */
        post: operations["createEdgeGroup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/edge-groups/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One point of presence, and which of its edges could not take its settings */
        get: operations["getEdgeGroup"];
        put?: never;
        post?: never;
        /** Delete a group without edges that nothing names */
        delete: operations["deleteEdgeGroup"];
        options?: never;
        head?: never;
        /** Change what the merge patch names; each edge tries it before it serves with it */
        patch: operations["updateEdgeGroup"];
        trace?: never;
    };
    "/api/v1/edge-groups/{id}/enrolment-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A token that enrols one node within 15 minutes */
        post: operations["createEnrolmentToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/edge-groups/{id}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Return to a former version, as a new one */
        post: operations["rollBackEdgeGroup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/edge-groups/{id}/vacate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Keep to another group what is kept to this one; their owners are told, and then it can be deleted */
        post: operations["vacateEdgeGroup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/edge-groups/{id}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every change of a group, newest first, with its author and what differs */
        get: operations["listEdgeGroupVersions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/edges": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Edge nodes and what each runs, newest first */
        get: operations["listEdges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/edges/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One edge node: what it runs, and what it refused */
        get: operations["getEdge"];
        put?: never;
        post?: never;
        /** Lock an edge out for good: its certificate is worth nothing from now on */
        delete: operations["deleteEdge"];
        options?: never;
        head?: never;
        /** Drain an edge, take it out for maintenance or back, name it, or say where it is */
        patch: operations["updateEdge"];
        trace?: never;
    };
    "/api/v1/invitations/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Become a member by the token of a mailed invitation */
        post: operations["acceptInvitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitations/decline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say no to a mailed invitation, with an account here or without */
        post: operations["declineInvitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This description */
        get: operations["getOpenApiDocument"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/platform/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who changed what on the whole platform, newest first */
        get: operations["listPlatformAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/platform/quotas": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The accounts with a quota of their own, and those that are cut off */
        get: operations["listQuotas"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/platform/quotas/{account_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How much an account may use in a month, and how much of it is used */
        get: operations["getQuotaOfAccount"];
        /** Give an account a quota of its own; what is cut off and is not over it any more is served again */
        put: operations["setQuota"];
        post?: never;
        /** Return an account to the quota that its owners' role brings */
        delete: operations["deleteQuota"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/platform/reports/traffic": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Traffic over time of all accounts, or of some */
        get: operations["getPlatformTraffic"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/platform/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What every account has used in a month; as CSV for invoices, all of them at once */
        get: operations["listUsageOfAccounts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/points-of-presence": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The edge groups that a distribution can be kept to, by name */
        get: operations["listPointsOfPresence"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who delivers: our own edges and other companies; whether they are set up, and whether they answer */
        get: operations["listProviders"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/providers/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One provider, without its credentials */
        get: operations["getProvider"];
        /** Set a provider up; credentials that are left out stay, unless they would be sent to another host */
        put: operations["putProvider"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/providers/{name}/links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whose traffic a provider's resources carry and carried, newest first */
        get: operations["listProviderLinks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/providers/{name}/links/{resource}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** From now on the resource's traffic is this distribution's; what was counted before stays whose it was */
        put: operations["putProviderLink"];
        post?: never;
        /** From now on the resource's traffic is nobody's; what was counted stays */
        delete: operations["deleteProviderLink"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/quota": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How much the account may use in a month, and how much of it is used */
        get: operations["getQuota"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reports/errors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What fails, and who made the answer: the origin, the way to it, or a setting at the edge */
        get: operations["getErrors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reports/realtime": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Traffic second by second as server-sent events: the last minute at once, then what is new */
        get: operations["watchTraffic"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reports/top": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What occurs most: URLs, referrers, countries, user agents, errors and more */
        get: operations["getTop"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reports/traffic": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Traffic over time: requests, bytes, hit ratio, statuses, times to first byte, visitors */
        get: operations["getTraffic"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the account has used in each month, the running one first */
        get: operations["listUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/usage/{month}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One month, by day and by distribution */
        get: operations["getUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everybody on the platform, newest first */
        get: operations["listUsers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One user and where they belong */
        get: operations["getUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Give a user another platform role
         * @description Takes the session of a person: an API token is refused.
         */
        patch: operations["updateUser"];
        trace?: never;
    };
    "/api/v1/users/{id}/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a user's sessions and let neither them nor their API tokens act
         * @description Takes the session of a person: an API token is refused.
         */
        post: operations["suspendUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/unsuspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let a suspended user act again
         * @description Takes the session of a person: an API token is refused.
         */
        post: operations["unsuspendUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The account's webhooks, newest first */
        get: operations["listWebhooks"];
        put?: never;
        /** Have a program of yours told what happens; the secret that deliveries are signed with is shown this once */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One webhook, without its secret */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /** Delete a webhook with the history of its deliveries */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        /** Change what the merge patch names; disabled, it is sent nothing, and what waits for it is given up */
        patch: operations["updateWebhook"];
        trace?: never;
    };
    "/api/v1/webhooks/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What was sent to it in the last 30 days, newest first, and what it answered */
        get: operations["listWebhookDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}/deliveries/{delivery_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One delivery, with what was posted */
        get: operations["getWebhookDelivery"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Another secret, shown this once; for a while deliveries are signed with both */
        post: operations["rotateWebhookSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a test, once; its delivery tells what the receiver answered */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/edge/v1/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The feed's records after a revision, waiting for new ones */
        get: operations["readFeedChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/edge/v1/enrol": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Become a node of the token's group */
        post: operations["enrolEdge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/edge/v1/feed-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The keys that sign the feed, each with the former one's signature over it */
        get: operations["readFeedKeys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/edge/v1/log-salts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What makes visitors nameless, by day, for edges that write to ClickHouse themselves */
        get: operations["readLogSalts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/edge/v1/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A batch of access-log lines, safe to send again */
        post: operations["sendLogs"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/edge/v1/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A new certificate before the old one ends */
        post: operations["renewEdgeCertificate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/edge/v1/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What the edge applied and what it refused */
        post: operations["reportEdgeState"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/edge/v1/snapshot": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest checkpoint, or 204 when there is none */
        get: operations["readFeedSnapshot"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Is the process alive */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metrics for Prometheus */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Does each dependency answer; 503 when one that is needed does not */
        get: operations["getReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @example {
         *       "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *       "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "position": 1,
         *       "created_by": null,
         *       "updated_by": null,
         *       "created_at": "2026-01-15T09:30:00.000Z",
         *       "updated_at": "2026-01-15T09:30:00.000Z",
         *       "type": "ip",
         *       "action": "allow",
         *       "networks": [
         *         "192.0.2.0/24",
         *         "2001:db8::/32"
         *       ],
         *       "paths": [
         *         "/admin/*"
         *       ],
         *       "description": "The office"
         *     }
         */
        AccessRule: {
            /** @constant */
            type: "country";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            countries: string[];
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths: string[];
            description: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @description From 1, among the rules of its kind. */
            position: number;
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
        } | {
            /** @constant */
            type: "ip";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            networks: string[];
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths: string[];
            description: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @description From 1, among the rules of its kind. */
            position: number;
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
        } | {
            /** @constant */
            type: "referrer";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            hosts: string[];
            /** @description True: requests without a Referer count as named. */
            is_empty_named: boolean;
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths: string[];
            description: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @description From 1, among the rules of its kind. */
            position: number;
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
        } | {
            /** @constant */
            type: "user_agent";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            patterns: string[];
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths: string[];
            description: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @description From 1, among the rules of its kind. */
            position: number;
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
        } | {
            /** @constant */
            type: "signed_url";
            /** @constant */
            action: "allow";
            secret_ids: string[];
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths: string[];
            description: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @description From 1, among the rules of its kind. */
            position: number;
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
        };
        /**
         * @example {
         *       "type": "ip",
         *       "action": "allow",
         *       "networks": [
         *         "192.0.2.0/24",
         *         "2001:db8::/32"
         *       ],
         *       "paths": [
         *         "/admin/*"
         *       ],
         *       "description": "The office"
         *     }
         */
        AccessRuleInput: {
            /** @constant */
            type: "country";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            countries: string[];
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        } | {
            /** @constant */
            type: "ip";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            networks: string[];
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        } | {
            /** @constant */
            type: "referrer";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            hosts: string[];
            /**
             * @description True: requests without a Referer count as named.
             * @default true
             */
            is_empty_named?: boolean;
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        } | {
            /** @constant */
            type: "user_agent";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            /** @description Texts with `*`, compared with the whole User-Agent, whatever their case. */
            patterns: string[];
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        } | {
            /** @constant */
            type: "signed_url";
            /**
             * @default allow
             * @constant
             */
            action?: "allow";
            /** @description Write-only. Two while one takes over from the other. A rule that has some may leave it out and keeps them. */
            secrets?: string[];
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        };
        /**
         * @example {
         *       "type": "ip",
         *       "action": "allow",
         *       "networks": [
         *         "192.0.2.0/24",
         *         "2001:db8::/32"
         *       ],
         *       "paths": [
         *         "/admin/*"
         *       ],
         *       "description": "The office"
         *     }
         * @example {
         *       "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *       "type": "ip",
         *       "action": "allow",
         *       "networks": [
         *         "192.0.2.0/24",
         *         "2001:db8::/32"
         *       ],
         *       "paths": [
         *         "/admin/*"
         *       ],
         *       "description": "The office"
         *     }
         */
        AccessRuleItem: {
            /** @constant */
            type: "country";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            countries: string[];
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /**
             * Format: uuid
             * @description Of a rule that stays, perhaps changed. Without one it is a new rule.
             */
            id?: string;
        } | {
            /** @constant */
            type: "ip";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            networks: string[];
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /**
             * Format: uuid
             * @description Of a rule that stays, perhaps changed. Without one it is a new rule.
             */
            id?: string;
        } | {
            /** @constant */
            type: "referrer";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            hosts: string[];
            /**
             * @description True: requests without a Referer count as named.
             * @default true
             */
            is_empty_named?: boolean;
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /**
             * Format: uuid
             * @description Of a rule that stays, perhaps changed. Without one it is a new rule.
             */
            id?: string;
        } | {
            /** @constant */
            type: "user_agent";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action: "allow" | "deny";
            /** @description Texts with `*`, compared with the whole User-Agent, whatever their case. */
            patterns: string[];
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /**
             * Format: uuid
             * @description Of a rule that stays, perhaps changed. Without one it is a new rule.
             */
            id?: string;
        } | {
            /** @constant */
            type: "signed_url";
            /**
             * @default allow
             * @constant
             */
            action?: "allow";
            /** @description Write-only. Two while one takes over from the other. A rule that has some may leave it out and keeps them. */
            secrets?: string[];
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /**
             * Format: uuid
             * @description Of a rule that stays, perhaps changed. Without one it is a new rule.
             */
            id?: string;
        };
        /**
         * @example {
         *       "data": [
         *         {
         *           "type": "ip",
         *           "action": "allow",
         *           "networks": [
         *             "192.0.2.0/24",
         *             "2001:db8::/32"
         *           ],
         *           "paths": [
         *             "/admin/*"
         *           ],
         *           "description": "The office"
         *         }
         *       ]
         *     }
         */
        AccessRuleList: {
            data: components["schemas"]["AccessRuleItem"][];
        };
        /**
         * @example {
         *       "position": 1,
         *       "description": "Comes first"
         *     }
         */
        AccessRulePatch: {
            /** @enum {string} */
            type?: "country" | "ip" | "referrer" | "user_agent" | "signed_url";
            /**
             * @description `deny`: what the rule names is refused. `allow`: everything else is.
             * @enum {string}
             */
            action?: "allow" | "deny";
            countries?: string[];
            networks?: string[];
            hosts?: string[];
            /** @description True: requests without a Referer count as named. */
            is_empty_named?: boolean;
            /** @description Texts with `*`, compared with the whole User-Agent, whatever their case. */
            patterns?: string[];
            /** @description Write-only. Two while one takes over from the other. */
            secrets?: string[];
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths?: string[];
            /** @description A note of your own. */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        };
        /**
         * @example {
         *       "id": "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11",
         *       "name": "Example Media",
         *       "created_at": "2026-03-01T12:00:00.000Z"
         *     }
         */
        Account: {
            /** Format: uuid */
            id: string;
            name: string;
            created_at: string;
        };
        /**
         * @example {
         *       "name": "Example Media"
         *     }
         */
        AccountInput: {
            name: string;
        };
        /**
         * @example {
         *       "id": "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11",
         *       "name": "Example Media",
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "role": "owner"
         *     }
         */
        AccountOfUser: {
            /** Format: uuid */
            id: string;
            name: string;
            created_at: string;
            /**
             * @description Yours in it.
             * @enum {string}
             */
            role: "viewer" | "editor" | "admin" | "owner";
        };
        /**
         * @example {
         *       "name": "Example Media International"
         *     }
         */
        AccountPatch: {
            name?: string;
        };
        /**
         * @example {
         *       "account_id": "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11",
         *       "account": "Example Media",
         *       "month": "2026-11",
         *       "source": "account",
         *       "cuts_off": true,
         *       "cut_off_at": null,
         *       "requests": {
         *         "limit": null,
         *         "used": 48210221
         *       },
         *       "bytes": {
         *         "limit": 10000000000000,
         *         "used": 8120448312000
         *       }
         *     }
         */
        AccountQuota: {
            /** @description In UTC. */
            month: string;
            /**
             * @description `account`: an operator has set it. `default`: it comes with the role of the account's owners.
             * @enum {string}
             */
            source: "account" | "default";
            requests: {
                limit: number | null;
                /** @description In the running month, as far as edges have sent it. Above 2^53 the last digits are rounded. */
                used: number;
            };
            bytes: {
                limit: number | null;
                /** @description In the running month, as far as edges have sent it. Above 2^53 the last digits are rounded. */
                used: number;
            };
            /** @description True: over it, all distributions of the account answer 503, until the quota is raised or the month is over. */
            cuts_off: boolean;
            /** @description Since when the account's distributions answer 503; null: they do not. */
            cut_off_at: string | null;
            /** Format: uuid */
            account_id: string;
            account: string;
        };
        /**
         * @example {
         *       "user_id": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42"
         *     }
         */
        AccountTransfer: {
            /**
             * Format: uuid
             * @description The member who becomes an owner in your place.
             */
            user_id: string;
        };
        /**
         * @example {
         *       "account_id": "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11",
         *       "account": "Example Media",
         *       "month": "2026-10",
         *       "status": "closed",
         *       "counted_until": "2026-11-01T00:00:00.000Z",
         *       "closed_at": "2026-11-04T00:10:02.113Z",
         *       "requests": 48210,
         *       "bytes": 9120448312,
         *       "bytes_in": 14463000,
         *       "hits": 45799,
         *       "hit_ratio": 0.94999,
         *       "byte_hit_ratio": 0.961,
         *       "origin_requests": 2411,
         *       "origin_bytes": 355697484,
         *       "bandwidth_p95": 81447936,
         *       "bytes_by_region": {
         *         "africa": 0,
         *         "asia": 120448312,
         *         "europe": 9000000000,
         *         "middle_east": 0,
         *         "north_america": 0,
         *         "oceania": 0,
         *         "south_america": 0,
         *         "other": 0
         *       }
         *     }
         */
        AccountUsage: {
            /** @description In UTC. */
            month: string;
            /**
             * @description `open`: it is not over; or it was closed for others, and this account's figures do not add up yet. `closing`: it is over, and edges may still send lines of it. `closed`: the figures are final.
             * @enum {string}
             */
            status: "open" | "closing" | "closed";
            /**
             * Format: date-time
             * @description What happened before is in it, as far as edges have sent it.
             */
            counted_until: string;
            closed_at: string | null;
            requests: number;
            /** @description Sent to viewers, headers too. Above 2^53 the last digits are rounded. */
            bytes: number;
            /** @description Received from viewers. Above 2^53 the last digits are rounded. */
            bytes_in: number;
            /** @description Requests that were served from the cache. */
            hits: number;
            /** @description Of the requests; 0 where there were none. */
            hit_ratio: number;
            /** @description Of the bytes; 0 where there were none. */
            byte_hit_ratio: number;
            origin_requests: number;
            /** @description Received from the origins. Above 2^53 the last digits are rounded. */
            origin_bytes: number;
            /** @description By where the edges stood that sent them; `other` where nobody said, and other providers. Above 2^53 the last digits are rounded. */
            bytes_by_region: {
                [key: string]: number;
            };
            /** @description Bits per second: the 95th percentile of the five-minute averages. Of all five minutes of the month so far, those without traffic too, the highest 5 % (rounded down to whole ones) are left out; this is the highest of the others. Null: the minutes were not kept any more when the month was closed. */
            bandwidth_p95: number | null;
            /** Format: uuid */
            account_id: string;
            account: string;
        };
        /**
         * @example {
         *       "name": "Shop answers with errors",
         *       "distribution_id": "0f1e2d3c-4b5a-4968-8776-655443322110",
         *       "condition": {
         *         "type": "error_rate",
         *         "percent": 5,
         *         "recovery_percent": 2,
         *         "window_minutes": 5,
         *         "requests_min": 100
         *       },
         *       "raise_after_minutes": 5,
         *       "resolve_after_minutes": 10,
         *       "id": "5b0a3f1e-7f0e-4c52-9f7e-2d9f3c1a6b77",
         *       "description": "",
         *       "mail_in_charge": true,
         *       "mail_members": [],
         *       "muted_until": null,
         *       "is_enabled": true,
         *       "disabled_reason": null,
         *       "state": {
         *         "status": "raised",
         *         "since": "2026-03-01T12:05:00.000Z",
         *         "value": 7.31,
         *         "reason": "7.31 % of 12,408 requests within 5 minutes were answered 5xx, more than 5 %.",
         *         "judged_until": "2026-03-01T12:09:00.000Z"
         *       },
         *       "created_by": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
         *       "updated_by": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
         *       "created_at": "2026-02-01T12:00:00.000Z",
         *       "updated_at": "2026-02-01T12:00:00.000Z"
         *     }
         */
        Alert: {
            /** Format: uuid */
            id: string;
            name: string;
            description: string;
            distribution_id: string | null;
            condition: components["schemas"]["KeptAlertCondition"];
            raise_after_minutes: number;
            resolve_after_minutes: number;
            mail_in_charge: boolean;
            mail_members: string[];
            muted_until: string | null;
            is_enabled: boolean;
            /** @description In words, when the platform disabled it. */
            disabled_reason: string | null;
            state: {
                /**
                 * @description `pending`: the condition holds, not yet for long enough. `unknown`: it was not judged lately.
                 * @enum {string}
                 */
                status: "ok" | "pending" | "raised" | "unknown";
                since: string;
                /** @description What was measured: the metric, percent, or days until the end of a certificate. Null: nothing to judge by. */
                value: number | null;
                /** @description Why, in words. */
                reason: string | null;
                /** @description The end of what was judged last. */
                judged_until: string | null;
            };
            created_by: string | null;
            /** @description Null: the platform itself. */
            updated_by: string | null;
            created_at: string;
            updated_at: string;
        };
        /**
         * @description `threshold`: a metric is above or below a value. `drop`: the last 60 minutes have so many percent less than the same of last week. `error_rate`: so many percent of the requests are answered 5xx. `certificate_expiry`: so many days before it.
         * @example {
         *       "type": "error_rate",
         *       "percent": 5,
         *       "recovery_percent": 2,
         *       "window_minutes": 5,
         *       "requests_min": 100
         *     }
         */
        AlertCondition: {
            /** @constant */
            type: "threshold";
            /**
             * @description As in GET /reports/traffic: shares and ratios from 0 to 1, bandwidth in bits per second, times in ms.
             * @enum {string}
             */
            metric: "requests" | "bytes" | "bandwidth" | "bytes_in" | "hits" | "hit_ratio" | "byte_hit_ratio" | "status_1xx" | "status_2xx" | "status_3xx" | "status_4xx" | "status_5xx" | "errors" | "error_rate" | "origin_requests" | "origin_bytes" | "ttfb_p50" | "ttfb_p95" | "ttfb_p99" | "visitors";
            /** @enum {string} */
            direction: "above" | "below";
            value: number;
            /**
             * @description Raised, it is clear again only from here on. Null: as soon as the condition does not hold.
             * @default null
             */
            recovery_value?: number | null;
            /**
             * @description What is judged: that many minutes, up to one to two minutes ago.
             * @default 5
             * @enum {number}
             */
            window_minutes?: 5 | 10 | 15 | 30 | 60 | 180 | 360 | 720 | 1440;
            /**
             * @description With fewer requests there is nothing to judge: the condition does not hold.
             * @default 0
             */
            requests_min?: number;
        } | {
            /** @constant */
            type: "drop";
            /** @enum {string} */
            metric: "requests" | "bytes";
            percent: number;
            /**
             * @description Raised, it is clear again only from here on. Null: as soon as the condition does not hold.
             * @default null
             */
            recovery_percent?: number | null;
            /**
             * @description With fewer requests in that hour of last week there is nothing to judge.
             * @default 100
             */
            requests_min?: number;
        } | {
            /** @constant */
            type: "error_rate";
            percent: number;
            /**
             * @description Raised, it is clear again only from here on. Null: as soon as the condition does not hold.
             * @default null
             */
            recovery_percent?: number | null;
            /**
             * @description What is judged: that many minutes, up to one to two minutes ago.
             * @default 5
             * @enum {number}
             */
            window_minutes?: 5 | 10 | 15 | 30 | 60 | 180 | 360 | 720 | 1440;
            /**
             * @description With fewer requests there is nothing to judge: the condition does not hold.
             * @default 100
             */
            requests_min?: number;
        } | {
            /** @constant */
            type: "certificate_expiry";
            /** @description Of automatic certificates those alone that were not renewed in time. */
            days: number;
        };
        /**
         * @example {
         *       "id": "e1b2c3d4-0a1b-4c2d-8e3f-4a5b6c7d8e9f",
         *       "alert_id": "5b0a3f1e-7f0e-4c52-9f7e-2d9f3c1a6b77",
         *       "kind": "raised",
         *       "value": 7.31,
         *       "reason": "7.31 % of 12,408 requests within 5 minutes were answered 5xx, more than 5 %.",
         *       "is_muted": false,
         *       "at": "2026-03-01T12:05:00.000Z",
         *       "created_at": "2026-03-01T12:06:01.000Z"
         *     }
         */
        AlertEvent: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            alert_id: string;
            /** @enum {string} */
            kind: "raised" | "resolved" | "tested";
            /** @description What was measured: the metric, percent, or days until the end of a certificate. Null: nothing to judge by. */
            value: number | null;
            /** @description Why, in words. */
            reason: string;
            /** @description True: nobody was told at that time. */
            is_muted: boolean;
            /** @description The end of what was judged. */
            at: string;
            created_at: string;
        };
        /**
         * @example {
         *       "name": "Shop answers with errors",
         *       "distribution_id": "0f1e2d3c-4b5a-4968-8776-655443322110",
         *       "condition": {
         *         "type": "error_rate",
         *         "percent": 5,
         *         "recovery_percent": 2,
         *         "window_minutes": 5,
         *         "requests_min": 100
         *       },
         *       "raise_after_minutes": 5,
         *       "resolve_after_minutes": 10
         *     }
         */
        AlertInput: {
            name: string;
            /** @default  */
            description?: string | "";
            /**
             * @description Null: all that the account has, taken together.
             * @default null
             */
            distribution_id?: string | null;
            condition: components["schemas"]["AlertCondition"];
            /**
             * @description The condition must hold for so long before the alert is raised. No matter to certificates.
             * @default 5
             */
            raise_after_minutes?: number;
            /**
             * @description It must be clear for so long before the alert is resolved. No matter to certificates.
             * @default 5
             */
            resolve_after_minutes?: number;
            /**
             * @description Letters to the account's owners and admins.
             * @default true
             */
            mail_in_charge?: boolean;
            /**
             * @description Letters to these members, by `user_id` of GET /account/members, whatever their role.
             * @default []
             */
            mail_members?: string[];
            /**
             * @description Until then nobody is told; it is judged, and its history kept, all the same.
             * @default null
             */
            muted_until?: string | null;
            /** @default true */
            is_enabled?: boolean;
        };
        /**
         * @example {
         *       "muted_until": "2026-05-01T06:00:00Z"
         *     }
         */
        AlertPatch: {
            name?: string;
            description?: string | "";
            /** @description Null: all that the account has, taken together. */
            distribution_id?: string | null;
            condition?: components["schemas"]["AlertCondition"];
            /** @description The condition must hold for so long before the alert is raised. No matter to certificates. */
            raise_after_minutes?: number;
            /** @description It must be clear for so long before the alert is resolved. No matter to certificates. */
            resolve_after_minutes?: number;
            /** @description Letters to the account's owners and admins. */
            mail_in_charge?: boolean;
            /** @description Letters to these members, by `user_id` of GET /account/members, whatever their role. */
            mail_members?: string[];
            /** @description Until then nobody is told; it is judged, and its history kept, all the same. */
            muted_until?: string | null;
            is_enabled?: boolean;
        };
        /**
         * @example {
         *       "id": "0d5f3a52-8a53-4b1f-9f0c-6a4c0f0a8f10",
         *       "name": "Deploys from CI",
         *       "scopes": [
         *         "distributions:read",
         *         "distributions:write"
         *       ],
         *       "user_id": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
         *       "username": "grace",
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "expires_at": "2026-06-01T12:00:00.000Z",
         *       "last_used_at": null
         *     }
         */
        ApiToken: {
            /** Format: uuid */
            id: string;
            name: string;
            scopes: ("account:read" | "account:write" | "alerts:read" | "alerts:write" | "audit:read" | "certificates:read" | "certificates:write" | "distributions:read" | "distributions:write" | "purges:read" | "purges:write" | "reports:read" | "webhooks:read" | "webhooks:write" | "platform:read" | "platform:write")[];
            /**
             * Format: uuid
             * @description Whose it is: it acts for this member.
             */
            user_id: string;
            username: string;
            created_at: string;
            expires_at: string | null;
            /** @description To the minute. */
            last_used_at: string | null;
        };
        /**
         * @example {
         *       "name": "Deploys from CI",
         *       "scopes": [
         *         "distributions:read",
         *         "distributions:write"
         *       ],
         *       "expires_at": "2026-06-01T12:00:00.000Z"
         *     }
         */
        ApiTokenInput: {
            /** @description What it is for. */
            name: string;
            /** @description It does no more than these, and no more than your role in the account allows. */
            scopes: ("account:read" | "account:write" | "alerts:read" | "alerts:write" | "audit:read" | "certificates:read" | "certificates:write" | "distributions:read" | "distributions:write" | "purges:read" | "purges:write" | "reports:read" | "webhooks:read" | "webhooks:write" | "platform:read" | "platform:write")[];
            /**
             * @description Without: it does not expire, unless the platform sets a maximum.
             * @default null
             */
            expires_at?: string | null;
        };
        /**
         * @example {
         *       "id": "b2a7a1b4-8f0c-4b64-9a0c-52f6f34d1d10",
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "action": "distribution.update",
         *       "account_id": "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11",
         *       "resource_type": "distribution",
         *       "resource_id": "0b9a5f7e-3c1d-4b8a-9c55-0f6d1f0a7b11",
         *       "user_id": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
         *       "username": "grace",
         *       "api_token_id": "0d5f3a52-8a53-4b1f-9f0c-6a4c0f0a8f10",
         *       "api_token_name": "Deploys from CI",
         *       "request_id": "7c1f5d0e-6f6e-4c39-8a31-0d6a3b1f2c44",
         *       "client_address": "192.0.2.7",
         *       "changes": [
         *         {
         *           "pointer": "/label",
         *           "before": "Shop",
         *           "after": "Web shop"
         *         }
         *       ]
         *     }
         */
        AuditEntry: {
            /** Format: uuid */
            id: string;
            created_at: string;
            /** @description `noun.verb`. */
            action: string;
            /** @description Null: it concerns the platform, or a user alone. */
            account_id: string | null;
            resource_type: string;
            resource_id: string;
            /** @description Null: the platform did it by itself. */
            user_id: string | null;
            username: string | null;
            /** @description When a program acted for the user. */
            api_token_id: string | null;
            api_token_name: string | null;
            request_id: string | null;
            client_address: string | null;
            changes: {
                /** @description RFC 6901. Members of a list are named by their ids where they have one, and its order by `-`. */
                pointer: string;
                /** @description Absent: it was added. */
                before?: unknown;
                /** @description Absent: it was removed. */
                after?: unknown;
            }[];
        };
        /**
         * @example {
         *       "id": "9e8d7c6b-5a4f-4e3d-8c2b-1a0f9e8d7c6b",
         *       "name": "Shop",
         *       "description": "Pictures for a day, everything else as the shop says",
         *       "is_built_in": false,
         *       "rules": [
         *         {
         *           "paths": [
         *             "/images/*"
         *           ],
         *           "extensions": [
         *             "jpg",
         *             "png",
         *             "webp"
         *           ],
         *           "content_types": [
         *             "image/"
         *           ],
         *           "mode": "override",
         *           "ttl_seconds": 86400,
         *           "ttl_max_seconds": null,
         *           "ttl_by_status": {
         *             "404": 60,
         *             "5xx": 0
         *           },
         *           "browser_ttl_seconds": 3600,
         *           "is_private_overridden": false,
         *           "query": {
         *             "mode": "include",
         *             "names": [
         *               "width"
         *             ]
         *           },
         *           "cookies": [],
         *           "headers": [],
         *           "is_sliced": false,
         *           "stale_while_revalidate_seconds": 60,
         *           "stale_if_error_seconds": 86400,
         *           "description": "Pictures change with their URL"
         *         }
         *       ],
         *       "created_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "updated_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "created_at": "2026-11-20T12:00:00.000Z",
         *       "updated_at": "2026-11-20T12:00:00.000Z"
         *     }
         */
        CachePolicy: {
            /** Format: uuid */
            id: string;
            name: string;
            description: string;
            /** @description True: it is everybody's, and nobody can change it. */
            is_built_in: boolean;
            rules: components["schemas"]["CachePolicyRule"][];
            created_by: string | null;
            updated_by: string | null;
            /** @description Null: it came with the platform. */
            created_at: string | null;
            updated_at: string | null;
        };
        /**
         * @example {
         *       "name": "Shop",
         *       "description": "Pictures for a day, everything else as the shop says",
         *       "rules": [
         *         {
         *           "extensions": [
         *             "jpg",
         *             "png",
         *             "webp"
         *           ],
         *           "content_types": [
         *             "image/"
         *           ],
         *           "mode": "override",
         *           "ttl_seconds": 86400
         *         }
         *       ]
         *     }
         */
        CachePolicyInput: {
            /** @description Another than those of the account's other policies. */
            name: string;
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /** @description The first that matches decides; a distribution's own rules come before all of them. */
            rules: components["schemas"]["CachePolicyRuleInput"][];
        };
        /**
         * @example {
         *       "description": "For every shop"
         *     }
         */
        CachePolicyPatch: {
            /** @description Another than those of the account's other policies. */
            name?: string;
            /** @description A note of your own. */
            description?: string;
            /** @description The first that matches decides; a distribution's own rules come before all of them. */
            rules?: components["schemas"]["CachePolicyRuleInput"][];
        };
        CachePolicyRule: {
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths: string[];
            extensions: string[];
            content_types: string[];
            /**
             * @description `respect`: the times count where the origin is silent. `override`: always. `bypass`: nothing is stored.
             * @enum {string}
             */
            mode: "respect" | "override" | "bypass";
            /** @default null */
            ttl_seconds: number | null;
            /** @default null */
            ttl_max_seconds: number | null;
            ttl_by_status: {
                [key: string]: number;
            };
            /** @default null */
            browser_ttl_seconds: number | null;
            is_private_overridden: boolean;
            query: {
                /**
                 * @description `include`: only the parameters of `names`. `exclude`: all others.
                 * @enum {string}
                 */
                mode: "all" | "none" | "include" | "exclude";
                names: string[];
            };
            cookies: string[];
            headers: string[];
            is_sliced: boolean;
            /** @default null */
            stale_while_revalidate_seconds: number | null;
            /** @default null */
            stale_if_error_seconds: number | null;
            description: string;
        };
        /**
         * @example {
         *       "paths": [
         *         "/images/*"
         *       ],
         *       "extensions": [
         *         "jpg",
         *         "png",
         *         "webp"
         *       ],
         *       "content_types": [
         *         "image/"
         *       ],
         *       "mode": "override",
         *       "ttl_seconds": 86400,
         *       "ttl_max_seconds": null,
         *       "ttl_by_status": {
         *         "404": 60,
         *         "5xx": 0
         *       },
         *       "browser_ttl_seconds": 3600,
         *       "is_private_overridden": false,
         *       "query": {
         *         "mode": "include",
         *         "names": [
         *           "width"
         *         ]
         *       },
         *       "cookies": [],
         *       "headers": [],
         *       "is_sliced": false,
         *       "stale_while_revalidate_seconds": 60,
         *       "stale_if_error_seconds": 86400,
         *       "description": "Pictures change with their URL"
         *     }
         */
        CachePolicyRuleInput: {
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description Of the path's last part. None: any.
             * @default []
             */
            extensions?: string[];
            /**
             * @description The times hold only for answers whose Content-Type begins with one of these. None: any.
             * @default []
             */
            content_types?: string[];
            /**
             * @description `respect`: the times count where the origin is silent. `override`: always. `bypass`: nothing is stored.
             * @default respect
             * @enum {string}
             */
            mode?: "respect" | "override" | "bypass";
            /**
             * @description How long a good answer is fresh. Null: what the origin said, or its age suggests.
             * @default null
             */
            ttl_seconds?: number | null;
            /**
             * @description Fresh for no longer than this, whatever the origin says.
             * @default null
             */
            ttl_max_seconds?: number | null;
            /**
             * @description Comes before ttl_seconds.
             * @default {}
             */
            ttl_by_status?: {
                [key: string]: number;
            };
            /**
             * @description What viewers are told in Cache-Control. Null: what the origin said.
             * @default null
             */
            browser_ttl_seconds?: number | null;
            /**
             * @description True: `override` beats private, no-store and Authorization too. For answers that are nobody's own.
             * @default false
             */
            is_private_overridden?: boolean;
            /**
             * @description Which query parameters tell answers apart.
             * @default {}
             */
            query?: {
                /**
                 * @description `include`: only the parameters of `names`. `exclude`: all others.
                 * @default all
                 * @enum {string}
                 */
                mode?: "all" | "none" | "include" | "exclude";
                /** @default [] */
                names?: string[];
            };
            /**
             * @description Cookies that tell answers apart.
             * @default []
             */
            cookies?: string[];
            /**
             * @description Request headers that tell answers apart.
             * @default []
             */
            headers?: string[];
            /**
             * @description Large files are fetched and kept in slices.
             * @default false
             */
            is_sliced?: boolean;
            /**
             * @description So long after its end an answer is still given while a new one is fetched. Null: what the origin said.
             * @default null
             */
            stale_while_revalidate_seconds?: number | null;
            /**
             * @description So long after its end an answer is given where the origin fails. Null: what the origin said, or an hour.
             * @default null
             */
            stale_if_error_seconds?: number | null;
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
        };
        /**
         * @example {
         *       "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *       "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "position": 1,
         *       "created_by": null,
         *       "updated_by": null,
         *       "created_at": "2026-01-15T09:30:00.000Z",
         *       "updated_at": "2026-01-15T09:30:00.000Z",
         *       "paths": [
         *         "/images/*"
         *       ],
         *       "extensions": [
         *         "jpg",
         *         "png",
         *         "webp"
         *       ],
         *       "content_types": [
         *         "image/"
         *       ],
         *       "mode": "override",
         *       "ttl_seconds": 86400,
         *       "ttl_max_seconds": null,
         *       "ttl_by_status": {
         *         "404": 60,
         *         "5xx": 0
         *       },
         *       "browser_ttl_seconds": 3600,
         *       "is_private_overridden": false,
         *       "query": {
         *         "mode": "include",
         *         "names": [
         *           "width"
         *         ]
         *       },
         *       "cookies": [],
         *       "headers": [],
         *       "is_sliced": false,
         *       "stale_while_revalidate_seconds": 60,
         *       "stale_if_error_seconds": 86400,
         *       "description": "Pictures change with their URL"
         *     }
         */
        CacheRule: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @description From 1, among the rules of its kind. */
            position: number;
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths: string[];
            extensions: string[];
            content_types: string[];
            /**
             * @description `respect`: the times count where the origin is silent. `override`: always. `bypass`: nothing is stored.
             * @enum {string}
             */
            mode: "respect" | "override" | "bypass";
            /** @default null */
            ttl_seconds: number | null;
            /** @default null */
            ttl_max_seconds: number | null;
            ttl_by_status: {
                [key: string]: number;
            };
            /** @default null */
            browser_ttl_seconds: number | null;
            is_private_overridden: boolean;
            query: {
                /**
                 * @description `include`: only the parameters of `names`. `exclude`: all others.
                 * @enum {string}
                 */
                mode: "all" | "none" | "include" | "exclude";
                names: string[];
            };
            cookies: string[];
            headers: string[];
            is_sliced: boolean;
            /** @default null */
            stale_while_revalidate_seconds: number | null;
            /** @default null */
            stale_if_error_seconds: number | null;
            description: string;
        };
        /**
         * @example {
         *       "paths": [
         *         "/images/*"
         *       ],
         *       "extensions": [
         *         "jpg",
         *         "png",
         *         "webp"
         *       ],
         *       "content_types": [
         *         "image/"
         *       ],
         *       "mode": "override",
         *       "ttl_seconds": 86400,
         *       "ttl_max_seconds": null,
         *       "ttl_by_status": {
         *         "404": 60,
         *         "5xx": 0
         *       },
         *       "browser_ttl_seconds": 3600,
         *       "is_private_overridden": false,
         *       "query": {
         *         "mode": "include",
         *         "names": [
         *           "width"
         *         ]
         *       },
         *       "cookies": [],
         *       "headers": [],
         *       "is_sliced": false,
         *       "stale_while_revalidate_seconds": 60,
         *       "stale_if_error_seconds": 86400,
         *       "description": "Pictures change with their URL"
         *     }
         */
        CacheRuleInput: {
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description Of the path's last part. None: any.
             * @default []
             */
            extensions?: string[];
            /**
             * @description The times hold only for answers whose Content-Type begins with one of these. None: any.
             * @default []
             */
            content_types?: string[];
            /**
             * @description `respect`: the times count where the origin is silent. `override`: always. `bypass`: nothing is stored.
             * @default respect
             * @enum {string}
             */
            mode?: "respect" | "override" | "bypass";
            /**
             * @description How long a good answer is fresh. Null: what the origin said, or its age suggests.
             * @default null
             */
            ttl_seconds?: number | null;
            /**
             * @description Fresh for no longer than this, whatever the origin says.
             * @default null
             */
            ttl_max_seconds?: number | null;
            /**
             * @description Comes before ttl_seconds.
             * @default {}
             */
            ttl_by_status?: {
                [key: string]: number;
            };
            /**
             * @description What viewers are told in Cache-Control. Null: what the origin said.
             * @default null
             */
            browser_ttl_seconds?: number | null;
            /**
             * @description True: `override` beats private, no-store and Authorization too. For answers that are nobody's own.
             * @default false
             */
            is_private_overridden?: boolean;
            /**
             * @description Which query parameters tell answers apart.
             * @default {}
             */
            query?: {
                /**
                 * @description `include`: only the parameters of `names`. `exclude`: all others.
                 * @default all
                 * @enum {string}
                 */
                mode?: "all" | "none" | "include" | "exclude";
                /** @default [] */
                names?: string[];
            };
            /**
             * @description Cookies that tell answers apart.
             * @default []
             */
            cookies?: string[];
            /**
             * @description Request headers that tell answers apart.
             * @default []
             */
            headers?: string[];
            /**
             * @description Large files are fetched and kept in slices.
             * @default false
             */
            is_sliced?: boolean;
            /**
             * @description So long after its end an answer is still given while a new one is fetched. Null: what the origin said.
             * @default null
             */
            stale_while_revalidate_seconds?: number | null;
            /**
             * @description So long after its end an answer is given where the origin fails. Null: what the origin said, or an hour.
             * @default null
             */
            stale_if_error_seconds?: number | null;
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        };
        /**
         * @example {
         *       "paths": [
         *         "/images/*"
         *       ],
         *       "extensions": [
         *         "jpg",
         *         "png",
         *         "webp"
         *       ],
         *       "content_types": [
         *         "image/"
         *       ],
         *       "mode": "override",
         *       "ttl_seconds": 86400,
         *       "ttl_max_seconds": null,
         *       "ttl_by_status": {
         *         "404": 60,
         *         "5xx": 0
         *       },
         *       "browser_ttl_seconds": 3600,
         *       "is_private_overridden": false,
         *       "query": {
         *         "mode": "include",
         *         "names": [
         *           "width"
         *         ]
         *       },
         *       "cookies": [],
         *       "headers": [],
         *       "is_sliced": false,
         *       "stale_while_revalidate_seconds": 60,
         *       "stale_if_error_seconds": 86400,
         *       "description": "Pictures change with their URL"
         *     }
         * @example {
         *       "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *       "paths": [
         *         "/images/*"
         *       ],
         *       "extensions": [
         *         "jpg",
         *         "png",
         *         "webp"
         *       ],
         *       "content_types": [
         *         "image/"
         *       ],
         *       "mode": "override",
         *       "ttl_seconds": 86400,
         *       "ttl_max_seconds": null,
         *       "ttl_by_status": {
         *         "404": 60,
         *         "5xx": 0
         *       },
         *       "browser_ttl_seconds": 3600,
         *       "is_private_overridden": false,
         *       "query": {
         *         "mode": "include",
         *         "names": [
         *           "width"
         *         ]
         *       },
         *       "cookies": [],
         *       "headers": [],
         *       "is_sliced": false,
         *       "stale_while_revalidate_seconds": 60,
         *       "stale_if_error_seconds": 86400,
         *       "description": "Pictures change with their URL"
         *     }
         */
        CacheRuleItem: {
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description Of the path's last part. None: any.
             * @default []
             */
            extensions?: string[];
            /**
             * @description The times hold only for answers whose Content-Type begins with one of these. None: any.
             * @default []
             */
            content_types?: string[];
            /**
             * @description `respect`: the times count where the origin is silent. `override`: always. `bypass`: nothing is stored.
             * @default respect
             * @enum {string}
             */
            mode?: "respect" | "override" | "bypass";
            /**
             * @description How long a good answer is fresh. Null: what the origin said, or its age suggests.
             * @default null
             */
            ttl_seconds?: number | null;
            /**
             * @description Fresh for no longer than this, whatever the origin says.
             * @default null
             */
            ttl_max_seconds?: number | null;
            /**
             * @description Comes before ttl_seconds.
             * @default {}
             */
            ttl_by_status?: {
                [key: string]: number;
            };
            /**
             * @description What viewers are told in Cache-Control. Null: what the origin said.
             * @default null
             */
            browser_ttl_seconds?: number | null;
            /**
             * @description True: `override` beats private, no-store and Authorization too. For answers that are nobody's own.
             * @default false
             */
            is_private_overridden?: boolean;
            /**
             * @description Which query parameters tell answers apart.
             * @default {}
             */
            query?: {
                /**
                 * @description `include`: only the parameters of `names`. `exclude`: all others.
                 * @default all
                 * @enum {string}
                 */
                mode?: "all" | "none" | "include" | "exclude";
                /** @default [] */
                names?: string[];
            };
            /**
             * @description Cookies that tell answers apart.
             * @default []
             */
            cookies?: string[];
            /**
             * @description Request headers that tell answers apart.
             * @default []
             */
            headers?: string[];
            /**
             * @description Large files are fetched and kept in slices.
             * @default false
             */
            is_sliced?: boolean;
            /**
             * @description So long after its end an answer is still given while a new one is fetched. Null: what the origin said.
             * @default null
             */
            stale_while_revalidate_seconds?: number | null;
            /**
             * @description So long after its end an answer is given where the origin fails. Null: what the origin said, or an hour.
             * @default null
             */
            stale_if_error_seconds?: number | null;
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /**
             * Format: uuid
             * @description Of a rule that stays, perhaps changed. Without one it is a new rule.
             */
            id?: string;
        };
        /**
         * @example {
         *       "data": [
         *         {
         *           "paths": [
         *             "/images/*"
         *           ],
         *           "extensions": [
         *             "jpg",
         *             "png",
         *             "webp"
         *           ],
         *           "content_types": [
         *             "image/"
         *           ],
         *           "mode": "override",
         *           "ttl_seconds": 86400,
         *           "ttl_max_seconds": null,
         *           "ttl_by_status": {
         *             "404": 60,
         *             "5xx": 0
         *           },
         *           "browser_ttl_seconds": 3600,
         *           "is_private_overridden": false,
         *           "query": {
         *             "mode": "include",
         *             "names": [
         *               "width"
         *             ]
         *           },
         *           "cookies": [],
         *           "headers": [],
         *           "is_sliced": false,
         *           "stale_while_revalidate_seconds": 60,
         *           "stale_if_error_seconds": 86400,
         *           "description": "Pictures change with their URL"
         *         }
         *       ]
         *     }
         */
        CacheRuleList: {
            data: components["schemas"]["CacheRuleItem"][];
        };
        /**
         * @example {
         *       "position": 1,
         *       "description": "Comes first"
         *     }
         */
        CacheRulePatch: {
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths?: string[];
            /** @description Of the path's last part. None: any. */
            extensions?: string[];
            /** @description The times hold only for answers whose Content-Type begins with one of these. None: any. */
            content_types?: string[];
            /**
             * @description `respect`: the times count where the origin is silent. `override`: always. `bypass`: nothing is stored.
             * @enum {string}
             */
            mode?: "respect" | "override" | "bypass";
            /** @description How long a good answer is fresh. Null: what the origin said, or its age suggests. */
            ttl_seconds?: number | null;
            /** @description Fresh for no longer than this, whatever the origin says. */
            ttl_max_seconds?: number | null;
            /** @description What viewers are told in Cache-Control. Null: what the origin said. */
            browser_ttl_seconds?: number | null;
            /** @description True: `override` beats private, no-store and Authorization too. For answers that are nobody's own. */
            is_private_overridden?: boolean;
            /** @description Cookies that tell answers apart. */
            cookies?: string[];
            /** @description Request headers that tell answers apart. */
            headers?: string[];
            /** @description Large files are fetched and kept in slices. */
            is_sliced?: boolean;
            /** @description So long after its end an answer is still given while a new one is fetched. Null: what the origin said. */
            stale_while_revalidate_seconds?: number | null;
            /** @description So long after its end an answer is given where the origin fails. Null: what the origin said, or an hour. */
            stale_if_error_seconds?: number | null;
            /** @description A note of your own. */
            description?: string;
            ttl_by_status?: {
                [key: string]: number | null;
            };
            query?: {
                /**
                 * @description `include`: only the parameters of `names`. `exclude`: all others.
                 * @enum {string}
                 */
                mode?: "all" | "none" | "include" | "exclude";
                names?: string[];
            };
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        };
        /**
         * @example {
         *       "id": "3f6e1a7c-9b2d-4c58-8f10-6a5b4c3d2e1f",
         *       "name": "shop",
         *       "domains": [
         *         "shop.example.com",
         *         "*.shop.example.com"
         *       ],
         *       "automatic": true,
         *       "key_type": "ecdsa",
         *       "status": "active",
         *       "status_reason": null,
         *       "issuer": "E7",
         *       "serial": "04a1b2c3d4e5f60718293a4b5c6d7e8f9012",
         *       "fingerprint": "5f1c2d3e4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
         *       "not_before": "2026-11-20T11:00:00.000Z",
         *       "not_after": "2027-02-18T11:00:00.000Z",
         *       "renew_at": "2027-01-19T11:00:00.000Z",
         *       "created_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "updated_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "created_at": "2026-11-20T12:00:00.000Z",
         *       "updated_at": "2026-11-20T12:00:00.000Z"
         *     }
         */
        Certificate: {
            /** Format: uuid */
            id: string;
            name: string;
            /** @description What it is for, in lower-case ASCII. */
            domains: string[];
            automatic: boolean;
            /** @enum {string} */
            key_type: "ecdsa" | "rsa";
            /**
             * @description `pending`: none was issued yet. `active`: edges show it. `failed`: status_reason says why there is none. `revoked`: edges show it no more.
             * @enum {string}
             */
            status: "pending" | "active" | "failed" | "revoked";
            /** @description What is wrong, or waited for, and what mends it. */
            status_reason: string | null;
            issuer: string | null;
            serial: string | null;
            /** @description SHA-256 of the certificate, in hex. */
            fingerprint: string | null;
            not_before: string | null;
            not_after: string | null;
            /** @description When the next one is asked for. Null: an order is under way (status_reason says what it waits for), or nobody renews it. */
            renew_at: string | null;
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
        };
        /**
         * @example {
         *       "name": "shop",
         *       "domains": [
         *         "shop.example.com",
         *         "*.shop.example.com"
         *       ],
         *       "automatic": true
         *     }
         * @example {
         *       "name": "shop",
         *       "certificate": "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n",
         *       "private_key": "-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----\n"
         *     }
         */
        CertificateInput: {
            /** @description A name of your own. Default: the first domain. */
            name?: string;
            /** @description PEM. The certificates that follow it may stand behind it, or in `chain`. */
            certificate?: string;
            /** @description PEM, without a passphrase. It is sealed, sent to the edges that need it, and never read back. */
            private_key?: string;
            /** @description PEM of the authority's certificates in any order; of an authority of your own, the root too. */
            chain?: string;
            /**
             * @description True: it is got from the authority and renewed. False: it is what you send.
             * @default false
             */
            automatic?: boolean;
            /** @description Of an automatic one: what it is for. `*.` at the front stands for one label. */
            domains?: string[];
            /**
             * @description Of an automatic one: ecdsa (P-256, the default) or rsa (2048 bits).
             * @enum {string}
             */
            key_type?: "ecdsa" | "rsa";
        };
        /**
         * @example {
         *       "name": "Shop 2027"
         *     }
         */
        CertificatePatch: {
            name?: string;
            /** @description PEM. The certificates that follow it may stand behind it, or in `chain`. */
            certificate?: string;
            /** @description PEM, without a passphrase. It is sealed, sent to the edges that need it, and never read back. */
            private_key?: string;
            /** @description PEM of the authority's certificates in any order; of an authority of your own, the root too. */
            chain?: string;
        };
        /**
         * @example {
         *       "reason": "key_compromise",
         *       "reissue": true
         *     }
         */
        CertificateRevocation: {
            /**
             * @default unspecified
             * @enum {string}
             */
            reason?: "unspecified" | "key_compromise" | "superseded" | "cessation_of_operation";
            /**
             * @description True: another one is got first, and this one is revoked when that is on the edges. False: it is revoked at once, and its hosts are served without it.
             * @default true
             */
            reissue?: boolean;
        };
        /**
         * @example {
         *       "id": "3f6e1a7c-9b2d-4c58-8f10-6a5b4c3d2e1f",
         *       "name": "www.example.com",
         *       "status": "active",
         *       "status_reason": null,
         *       "not_after": "2027-02-18T12:00:00.000Z",
         *       "issuer": "E7",
         *       "is_automatic": true
         *     }
         */
        CertificateSummary: {
            /** Format: uuid */
            id: string;
            name: string;
            /** @enum {string} */
            status: "pending" | "active" | "failed" | "revoked";
            status_reason: string | null;
            not_after: string | null;
            issuer: string | null;
            is_automatic: boolean;
        };
        /**
         * @example {
         *       "domain": "beta.example.com"
         *     }
         */
        CloneInput: {
            /** @description Required when domain_type is custom, absent when it is subdomain. Unicode is written as `xn--…`; `*.` in front stands for one label. */
            domain?: string;
            /**
             * @description `subdomain`: the platform makes a name in its own zone.
             * @default custom
             * @enum {string}
             */
            domain_type?: "custom" | "subdomain";
            /** @description Default: the domain. */
            label?: string;
        };
        /** @description Of text, where the viewer takes it and the edge can. */
        Compression: {
            /** @default true */
            gzip: boolean;
            /** @default true */
            brotli: boolean;
        };
        /** @description Of text, where the viewer takes it and the edge can. */
        CompressionInput: {
            /** @default true */
            gzip?: boolean;
            /** @default true */
            brotli?: boolean;
        };
        /**
         * @example {
         *       "settings": {
         *         "label": "Shop",
         *         "description": "",
         *         "acceleration_type": "static",
         *         "origin_type": "custom",
         *         "host_header": "origin.example.com",
         *         "sni": "origin.example.com",
         *         "is_http2": true,
         *         "is_http3": true,
         *         "enable_ssl": true,
         *         "is_livestream": false,
         *         "is_redirect_http_to_https": false,
         *         "cache_policy_id": null,
         *         "cors": null,
         *         "hsts": null,
         *         "compression": {
         *           "gzip": true,
         *           "brotli": true
         *         },
         *         "edge_group_ids": null,
         *         "le_issue": true,
         *         "certificate_id": "3f6e1a7c-9b2d-4c58-8f10-6a5b4c3d2e1f"
         *       },
         *       "origins": [
         *         {
         *           "id": "6f1c2d3e-4b5a-4c6d-8e7f-9a0b1c2d3e4f",
         *           "label": "origin-1",
         *           "url": "https://origin.example.com",
         *           "type": "custom",
         *           "load_balancer_type": "failover",
         *           "port": 443,
         *           "protocol": "https",
         *           "is_primary": true,
         *           "weight": 1,
         *           "host_header": "origin.example.com",
         *           "is_tls_verified": true,
         *           "connect_timeout_seconds": 5,
         *           "read_timeout_seconds": 30,
         *           "health_check": null,
         *           "s3_type": null,
         *           "s3_style": null,
         *           "s3_region": null,
         *           "s3_bucket_name": null,
         *           "s3_storage_hostname": null,
         *           "s3_access_key_id": null,
         *           "s3_secret_id": null
         *         }
         *       ],
         *       "rules": {
         *         "cache_rule": [
         *           {
         *             "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *             "paths": [
         *               "/images/*"
         *             ],
         *             "extensions": [
         *               "jpg",
         *               "png",
         *               "webp"
         *             ],
         *             "content_types": [
         *               "image/"
         *             ],
         *             "mode": "override",
         *             "ttl_seconds": 86400,
         *             "ttl_max_seconds": null,
         *             "ttl_by_status": {
         *               "404": 60,
         *               "5xx": 0
         *             },
         *             "browser_ttl_seconds": 3600,
         *             "is_private_overridden": false,
         *             "query": {
         *               "mode": "include",
         *               "names": [
         *                 "width"
         *               ]
         *             },
         *             "cookies": [],
         *             "headers": [],
         *             "is_sliced": false,
         *             "stale_while_revalidate_seconds": 60,
         *             "stale_if_error_seconds": 86400,
         *             "description": "Pictures change with their URL"
         *           }
         *         ]
         *       }
         *     }
         */
        Configuration: {
            settings: {
                label: string;
                description: string;
                /**
                 * @description Brings a built-in cache policy.
                 * @enum {string}
                 */
                acceleration_type: "static" | "media" | "livestream" | "diy";
                /** @enum {string} */
                origin_type: "custom" | "s3";
                /** @description Empty: each origin's own. */
                host_header: string;
                /** @description Empty: the host_header's. */
                sni: string;
                /** @description HTTP/2 for viewers, over HTTPS. */
                is_http2: boolean;
                /** @description HTTP/3 for viewers, over HTTPS; answers announce it by Alt-Svc. */
                is_http3: boolean;
                /** @description False: the edges refuse HTTPS for its hosts (421). */
                enable_ssl: boolean;
                /** @description True: the cache policy of livestream, whatever the acceleration type. */
                is_livestream: boolean;
                /** @description Acts once a certificate is there. */
                is_redirect_http_to_https: boolean;
                /** @description A policy of the account or a built-in one. Null: that of acceleration_type. */
                cache_policy_id: string | null;
                /** @description Null: the origin's own CORS headers pass. */
                cors: components["schemas"]["Cors"] | null;
                /**
                 * @description Null: browsers are told nothing. It acts over HTTPS alone, and once a certificate for the host is there.
                 * @default null
                 */
                hsts: components["schemas"]["Hsts"] | null;
                compression: components["schemas"]["Compression"];
                /**
                 * @description The points of presence that alone serve it. Null: all of them, also those to come.
                 * @default null
                 */
                edge_group_ids: string[] | null;
                /**
                 * @description True: a certificate for the domain is got from the authority, renewed, and gone with the distribution.
                 * @default false
                 */
                le_issue: boolean;
                /**
                 * @description A certificate of the account that covers the domain.
                 * @default null
                 */
                certificate_id: string | null;
            };
            origins: {
                /** Format: uuid */
                id: string;
                label: string;
                url: string;
                /** @enum {string} */
                type: "custom" | "s3";
                /**
                 * @description How misses are spread: `failover` asks the primary one first, `round_robin` each in turn, `weighted` by weight, `consistent_hash` gives each URL its origin. The same for all origins of a distribution.
                 * @enum {string}
                 */
                load_balancer_type: "failover" | "round_robin" | "weighted" | "consistent_hash";
                port: number;
                /** @enum {string} */
                protocol: "http" | "https";
                is_primary: boolean;
                weight: number;
                /** @description What it reads as Host, unless the distribution has a host_header. */
                host_header: string;
                /** @description False: any certificate of an https origin is taken. */
                is_tls_verified: boolean;
                connect_timeout_seconds: number;
                read_timeout_seconds: number;
                /** @description Null: none. */
                health_check: components["schemas"]["HealthCheck"] | null;
                /** @description Null, as all that is named s3: it is no bucket. */
                s3_type: ("aws" | "other") | null;
                s3_style: ("path" | "virtual") | null;
                s3_region: string | null;
                s3_bucket_name: string | null;
                s3_storage_hostname: string | null;
                s3_access_key_id: string | null;
                /** @description Which secret key it signs with; the key itself is not told. */
                s3_secret_id: string | null;
            }[];
            /** @description By kind, each in its order. */
            rules: {
                [key: string]: ({
                    /** Format: uuid */
                    id: string;
                } & {
                    [key: string]: unknown;
                })[];
            };
        };
        /** @description What the edges answer to browsers of other sites. */
        Cors: {
            /** @description Whose pages may read the answers: exact origins, or `*` alone for everybody's. */
            allow_origins: string[];
            /**
             * @default [
             *       "GET",
             *       "HEAD"
             *     ]
             */
            allow_methods: ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE")[];
            /**
             * @description Request headers that scripts may send beyond the usual ones.
             * @default []
             */
            allow_headers: string[];
            /**
             * @description Answer headers that they may read.
             * @default []
             */
            expose_headers: string[];
            /**
             * @description For how long a browser need not ask again (the answer to a preflight).
             * @default 3600
             */
            max_age_seconds: number;
            /**
             * @description True: with cookies; not together with `*`.
             * @default false
             */
            allow_credentials: boolean;
        };
        /** @description What the edges answer to browsers of other sites. */
        CorsInput: {
            /** @description Whose pages may read the answers: exact origins, or `*` alone for everybody's. */
            allow_origins: string[];
            /**
             * @default [
             *       "GET",
             *       "HEAD"
             *     ]
             */
            allow_methods?: ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE")[];
            /**
             * @description Request headers that scripts may send beyond the usual ones.
             * @default []
             */
            allow_headers?: string[];
            /**
             * @description Answer headers that they may read.
             * @default []
             */
            expose_headers?: string[];
            /**
             * @description For how long a browser need not ask again (the answer to a preflight).
             * @default 3600
             */
            max_age_seconds?: number;
            /**
             * @description True: with cookies; not together with `*`.
             * @default false
             */
            allow_credentials?: boolean;
        };
        /**
         * @example {
         *       "id": "0d5f3a52-8a53-4b1f-9f0c-6a4c0f0a8f10",
         *       "name": "Deploys from CI",
         *       "scopes": [
         *         "distributions:read",
         *         "distributions:write"
         *       ],
         *       "user_id": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
         *       "username": "grace",
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "expires_at": "2026-06-01T12:00:00.000Z",
         *       "last_used_at": null,
         *       "token": "ewt_9kTq2LxVb7Rz0NcYp4WmHs8GdJf3KaQe6UtXiBo1ZyEvC5rMlP2nD"
         *     }
         */
        CreatedApiToken: {
            /** Format: uuid */
            id: string;
            name: string;
            scopes: ("account:read" | "account:write" | "alerts:read" | "alerts:write" | "audit:read" | "certificates:read" | "certificates:write" | "distributions:read" | "distributions:write" | "purges:read" | "purges:write" | "reports:read" | "webhooks:read" | "webhooks:write" | "platform:read" | "platform:write")[];
            /**
             * Format: uuid
             * @description Whose it is: it acts for this member.
             */
            user_id: string;
            username: string;
            created_at: string;
            expires_at: string | null;
            /** @description To the minute. */
            last_used_at: string | null;
            /** @description Shown this once; send it as `Authorization: Bearer …`. */
            token: string;
        };
        /**
         * @example {
         *       "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "state": "active",
         *       "reason": null,
         *       "revision": 1042,
         *       "version": 4,
         *       "groups": [
         *         {
         *           "group_id": "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d",
         *           "group": "frankfurt",
         *           "revision": 1042,
         *           "state": "active",
         *           "reason": null,
         *           "since": "2026-05-01T12:00:00.000Z"
         *         }
         *       ],
         *       "edges": [
         *         {
         *           "edge_id": "6f1d8a52-7c39-4b0e-9a64-2f5e83c1d7b0",
         *           "edge": "fra-1",
         *           "group_id": "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d",
         *           "revision": 1042,
         *           "state": "applied",
         *           "applied": 1042,
         *           "refused": null,
         *           "since": "2026-05-01T12:00:00.000Z",
         *           "last_seen_at": "2026-05-01T12:00:00.000Z"
         *         }
         *       ]
         *     }
         */
        Deployment: {
            /** Format: uuid */
            distribution_id: string;
            /**
             * @description `pending`: nothing was compiled yet, or there is no edge group.
             * @enum {string}
             */
            state: "pending" | "deploying" | "active" | "failed" | "removed";
            /** @description Why it failed. */
            reason: string | null;
            /** @description The revision wanted; several groups number their own. */
            revision: number;
            /** @description The version of the distribution that the edges are to have. */
            version: number;
            groups: {
                /** Format: uuid */
                group_id: string;
                group: string;
                /** @description The revision wanted on every edge of the group. */
                revision: number;
                /**
                 * @description `removing`: some edge still serves what is to go.
                 * @enum {string}
                 */
                state: "deploying" | "active" | "refused" | "removing" | "removed";
                reason: string | null;
                /** Format: date-time */
                since: string;
            }[];
            edges: {
                /** Format: uuid */
                edge_id: string;
                edge: string;
                /** Format: uuid */
                group_id: string;
                /** @description The revision wanted on this edge. */
                revision: number;
                /**
                 * @description `unseen`: no report for a minute; it holds nobody up.
                 * @enum {string}
                 */
                state: "applied" | "waiting" | "refused" | "unseen";
                /** @description Every revision up to this one is applied or refused. */
                applied: number;
                refused: {
                    revision: number;
                    /** @description Where the edge stopped: verify, persist, push, probe … */
                    stage: string;
                    message: string;
                } | null;
                /**
                 * Format: date-time
                 * @description Since when the group's deployment is in its state.
                 */
                since: string;
                last_seen_at: string | null;
            }[];
        };
        /**
         * @example {
         *       "id": "3f5b7d9e-1a2c-4e6f-8b0d-2c4e6a8b0d1f",
         *       "compiler_version": 13,
         *       "canary_group_id": "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d",
         *       "state": "canary",
         *       "reason": "the canary's edges apply it",
         *       "refused": 0,
         *       "quiet_since": null,
         *       "created_at": "2026-05-01T12:00:00.000Z",
         *       "finished_at": null
         *     }
         */
        DeploymentRollout: {
            /** Format: uuid */
            id: string;
            compiler_version: number;
            /** @description Null: the group was deleted meanwhile. */
            canary_group_id: string | null;
            /**
             * @description `canary`: one group has it, or gets it. `stopped`: the other groups keep what they have. `spreading`, `done`: they follow. `superseded`: a newer compiler came.
             * @enum {string}
             */
            state: "canary" | "stopped" | "spreading" | "done" | "superseded";
            /** @description What it waits for, or why it stopped. */
            reason: string | null;
            /** @description What the canary's edges refuse that they did not refuse before. */
            refused: number;
            /** @description Since when every live edge of the canary has all of it, with no further refusal. */
            quiet_since: string | null;
            /** Format: date-time */
            created_at: string;
            finished_at: string | null;
        };
        Difference: {
            /** @description RFC 6901; members of lists are named by their ids. */
            pointer: string;
            /** @description Absent: there was nothing. */
            before?: unknown;
            /** @description Absent: there is nothing any more. */
            after?: unknown;
        };
        /**
         * @example {
         *       "id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "customer_id": "2a3b4c5d-6e7f-4a8b-9c0d-1e2f3a4b5c6d",
         *       "domain_id": "1b2c3d4e-5f6a-4b7c-8d9e-0f1a2b3c4d5e",
         *       "domain": "www.example.com",
         *       "domain_type": "custom",
         *       "cname": "6f1c2d3e4b5a.cdn.example.net",
         *       "is_cname_valid": true,
         *       "is_acme_challenge_valid": true,
         *       "label": "Shop",
         *       "description": "",
         *       "cdn_type": "gotipath",
         *       "acceleration_type": "static",
         *       "origin_type": "custom",
         *       "host_header": "origin.example.com",
         *       "sni": "origin.example.com",
         *       "is_http2": true,
         *       "is_http3": true,
         *       "enable_ssl": true,
         *       "is_livestream": false,
         *       "is_streaming": false,
         *       "is_redirect_http_to_https": false,
         *       "cache_policy_id": null,
         *       "cors": null,
         *       "hsts": null,
         *       "compression": {
         *         "gzip": true,
         *         "brotli": true
         *       },
         *       "edge_group_ids": null,
         *       "le_issue": true,
         *       "certificate_id": "3f6e1a7c-9b2d-4c58-8f10-6a5b4c3d2e1f",
         *       "certificate": {
         *         "id": "3f6e1a7c-9b2d-4c58-8f10-6a5b4c3d2e1f",
         *         "name": "www.example.com",
         *         "status": "active",
         *         "status_reason": null,
         *         "not_after": "2027-02-18T12:00:00.000Z",
         *         "issuer": "E7",
         *         "is_automatic": true
         *       },
         *       "version": 1,
         *       "status": "active",
         *       "status_reason": null,
         *       "is_cut_off": false,
         *       "providers": [
         *         {
         *           "name": "gotipath",
         *           "status": "active",
         *           "reason": null
         *         }
         *       ],
         *       "origin": [
         *         {
         *           "id": "6f1c2d3e-4b5a-4c6d-8e7f-9a0b1c2d3e4f",
         *           "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *           "customer_id": "2a3b4c5d-6e7f-4a8b-9c0d-1e2f3a4b5c6d",
         *           "label": "origin-1",
         *           "url": "https://origin.example.com",
         *           "type": "custom",
         *           "load_balancer_type": "failover",
         *           "port": 443,
         *           "protocol": "https",
         *           "is_primary": true,
         *           "weight": 1,
         *           "host_header": "origin.example.com",
         *           "is_tls_verified": true,
         *           "connect_timeout_seconds": 5,
         *           "read_timeout_seconds": 30,
         *           "health_check": null,
         *           "s3_type": null,
         *           "s3_style": null,
         *           "s3_region": null,
         *           "s3_bucket_name": null,
         *           "s3_storage_hostname": null,
         *           "s3_access_key_id": null,
         *           "created_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *           "updated_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *           "created_at": "2026-11-20T12:00:00.000Z",
         *           "updated_at": "2026-11-20T12:00:00.000Z",
         *           "gotipath_deleted_at": null
         *         }
         *       ],
         *       "created_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "updated_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "created_at": "2026-11-20T12:00:00.000Z",
         *       "updated_at": "2026-11-20T12:00:00.000Z",
         *       "deleted_at": null,
         *       "gotipath_deleted_at": null
         *     }
         */
        Distribution: {
            /** Format: uuid */
            id: string;
            /**
             * Format: uuid
             * @description The account that owns it.
             */
            customer_id: string;
            /** @description The claim to the name; null for a name that the platform made. */
            domain_id: string | null;
            /** @description In lower-case ASCII. */
            domain: string;
            /** @enum {string} */
            domain_type: "custom" | "subdomain";
            /** @description Point the domain here. */
            cname: string;
            /** @description The domain leads to the edges; see its validation. */
            is_cname_valid: boolean;
            /** @description A certificate authority that asks the domain is answered by the edges. */
            is_acme_challenge_valid: boolean;
            /**
             * @description What was written as `type`.
             * @enum {string}
             */
            cdn_type: "gotipath" | "gcore" | "tm_swift" | "multi";
            label: string;
            description: string;
            /**
             * @description Brings a built-in cache policy.
             * @enum {string}
             */
            acceleration_type: "static" | "media" | "livestream" | "diy";
            /** @enum {string} */
            origin_type: "custom" | "s3";
            /** @description Where none was written: the first origin's. */
            host_header: string;
            /** @description Where none was written: host_header without its port. */
            sni: string;
            /** @description HTTP/2 for viewers, over HTTPS. */
            is_http2: boolean;
            /** @description HTTP/3 for viewers, over HTTPS; answers announce it by Alt-Svc. */
            is_http3: boolean;
            /** @description False: the edges refuse HTTPS for its hosts (421). */
            enable_ssl: boolean;
            /** @description True: the cache policy of livestream, whatever the acceleration type. */
            is_livestream: boolean;
            /** @description Acts once a certificate is there. */
            is_redirect_http_to_https: boolean;
            /** @description A policy of the account or a built-in one. Null: that of acceleration_type. */
            cache_policy_id: string | null;
            /** @description Null: the origin's own CORS headers pass. */
            cors: components["schemas"]["Cors"] | null;
            /** @description Null: browsers are told nothing. It acts over HTTPS alone, and once a certificate for the host is there. */
            hsts: components["schemas"]["Hsts"] | null;
            compression: components["schemas"]["Compression"];
            /** @description The points of presence that alone serve it. Null: all of them, also those to come. */
            edge_group_ids: string[] | null;
            /** @description True: a certificate for the domain is got from the authority, renewed, and gone with the distribution. */
            le_issue: boolean;
            /** @description With le_issue: the one that was got. */
            certificate_id: string | null;
            /** @description Null: none of its own. Names in the platform's zone are served with the platform's. */
            certificate: components["schemas"]["CertificateSummary"] | null;
            /** @description The same as is_livestream. */
            is_streaming: boolean;
            /** @description The newest of its versions. */
            version: number;
            /**
             * @description `pending`: not compiled yet. `deploying`: on its way. `active`: every edge that answers serves it. `failed`: an edge refused it and serves what it had before, or the domain went to an account that proved it theirs. `disabled`: viewers get 503, since you said so or the account is cut off. `deleting`, `deleted`: until the edges let go of it, and after.
             * @enum {string}
             */
            status: "pending" | "deploying" | "active" | "failed" | "disabled" | "deleting" | "deleted";
            /** @description Why it failed, or what is missing. */
            status_reason: string | null;
            /** @description The account is over its quota: viewers get 503, and enabling it changes nothing until that is over. */
            is_cut_off: boolean;
            providers: {
                /** @enum {string} */
                name: "gotipath" | "gcore" | "tm_swift";
                /** @enum {string} */
                status: "pending" | "deploying" | "active" | "failed" | "disabled" | "deleting" | "deleted";
                reason: string | null;
            }[];
            /** @description The primary one first. */
            origin: components["schemas"]["Origin"][];
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
            /** @description When its deletion was asked for. */
            deleted_at: string | null;
            /** @description When the last edge stopped serving it. */
            gotipath_deleted_at: string | null;
        };
        /**
         * @example {
         *       "domain": "www.example.com",
         *       "origin": {
         *         "url": "https://origin.example.com"
         *       }
         *     }
         */
        DistributionInput: {
            /** @description Required when domain_type is custom, absent when it is subdomain. Unicode is written as `xn--…`; `*.` in front stands for one label. */
            domain?: string;
            /**
             * @description `subdomain`: the platform makes a name in its own zone.
             * @default custom
             * @enum {string}
             */
            domain_type?: "custom" | "subdomain";
            /**
             * @description Who delivers: `gotipath` are this platform's own edges. Read back as cdn_type.
             * @default gotipath
             * @enum {string}
             */
            type?: "gotipath" | "gcore" | "tm_swift" | "multi";
            /** @description One origin, or several: the first is primary unless another says so. */
            origin: components["schemas"]["OriginInput"] | components["schemas"]["OriginInput"][];
            /** @description Default: the domain. */
            label?: string;
            /**
             * @description A note of your own.
             * @default
             */
            description?: "" | string;
            /**
             * @description Brings a built-in cache policy.
             * @default static
             * @enum {string}
             */
            acceleration_type?: "static" | "media" | "livestream" | "diy";
            /**
             * @description The type of origins that name none. `http` is read as `custom`.
             * @default custom
             * @enum {string}
             */
            origin_type?: "custom" | "http" | "s3";
            /** @description What all origins read as Host. Default: each origin's own. */
            host_header?: string;
            /** @description The name in the TLS handshake with the origin. Default: host_header. */
            sni?: string;
            /**
             * @description HTTP/2 for viewers, over HTTPS.
             * @default true
             */
            is_http2?: boolean;
            /**
             * @description HTTP/3 for viewers, over HTTPS; answers announce it by Alt-Svc.
             * @default true
             */
            is_http3?: boolean;
            /**
             * @description False: the edges refuse HTTPS for its hosts (421).
             * @default true
             */
            enable_ssl?: boolean;
            /**
             * @description True: the cache policy of livestream, whatever the acceleration type.
             * @default false
             */
            is_livestream?: boolean;
            /**
             * @description Acts once a certificate is there.
             * @default false
             */
            is_redirect_http_to_https?: boolean;
            /**
             * @description A policy of the account or a built-in one. Null: that of acceleration_type.
             * @default null
             */
            cache_policy_id?: string | null;
            /**
             * @description Null: the origin's own CORS headers pass.
             * @default null
             */
            cors?: components["schemas"]["CorsInput"] | null;
            /**
             * @description Null: browsers are told nothing. It acts over HTTPS alone, and once a certificate for the host is there.
             * @default null
             */
            hsts?: components["schemas"]["HstsInput"] | null;
            /** @default {} */
            compression?: components["schemas"]["CompressionInput"];
            /**
             * @description The points of presence that alone serve it. Null: all of them, also those to come.
             * @default null
             */
            edge_group_ids?: string[] | null;
            /**
             * @description True: a certificate for the domain is got from the authority, renewed, and gone with the distribution.
             * @default false
             */
            le_issue?: boolean;
            /**
             * @description A certificate of the account that covers the domain.
             * @default null
             */
            certificate_id?: string | null;
        };
        /**
         * @example {
         *       "label": "Shop",
         *       "acceleration_type": "media"
         *     }
         */
        DistributionPatch: {
            /** @description A name of your own. */
            label?: string;
            /** @description A note of your own. */
            description?: "" | string;
            /**
             * @description Brings a built-in cache policy.
             * @enum {string}
             */
            acceleration_type?: "static" | "media" | "livestream" | "diy";
            /**
             * @description The type of origins that name none. `http` is read as `custom`.
             * @enum {string}
             */
            origin_type?: "custom" | "http" | "s3";
            host_header?: string | null;
            sni?: string | null;
            /** @description HTTP/2 for viewers, over HTTPS. */
            is_http2?: boolean;
            /** @description HTTP/3 for viewers, over HTTPS; answers announce it by Alt-Svc. */
            is_http3?: boolean;
            /** @description False: the edges refuse HTTPS for its hosts (421). */
            enable_ssl?: boolean;
            /** @description True: the cache policy of livestream, whatever the acceleration type. */
            is_livestream?: boolean;
            /** @description Acts once a certificate is there. */
            is_redirect_http_to_https?: boolean;
            /** @description A policy of the account or a built-in one. Null: that of acceleration_type. */
            cache_policy_id?: string | null;
            /** @description Null: the origin's own CORS headers pass. */
            cors?: components["schemas"]["CorsInput"] | null;
            /** @description Null: browsers are told nothing. It acts over HTTPS alone, and once a certificate for the host is there. */
            hsts?: components["schemas"]["HstsInput"] | null;
            compression?: components["schemas"]["CompressionInput"];
            /** @description The points of presence that alone serve it. Null: all of them, also those to come. */
            edge_group_ids?: string[] | null;
            /** @description True: a certificate for the domain is got from the authority, renewed, and gone with the distribution. */
            le_issue?: boolean;
            /** @description A certificate of the account that covers the domain. */
            certificate_id?: string | null;
            /** @description One origin, or several: the first is primary unless another says so. */
            origin?: components["schemas"]["OriginInput"] | components["schemas"]["OriginInput"][];
        };
        /**
         * @example {
         *       "type": "CNAME",
         *       "name": "www.example.com",
         *       "value": "6f1c2d3e4b5a.cdn.example.net"
         *     }
         */
        DnsRecord: {
            /** @enum {string} */
            type: "CNAME" | "A" | "AAAA" | "TXT";
            name: string;
            value: string;
        };
        /**
         * @example {
         *       "id": "6f1d8a52-7c39-4b0e-9a64-2f5e83c1d7b0",
         *       "name": "fra-1",
         *       "group_id": "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d",
         *       "address": "203.0.113.5",
         *       "state": "active",
         *       "capabilities": {
         *         "nginx": "1.27.1",
         *         "http3": true,
         *         "http2_directive": true,
         *         "balancer_keepalive": true,
         *         "brotli": false
         *       },
         *       "last_seen_at": "2026-05-01T12:00:00.000Z",
         *       "is_live": true,
         *       "running": {
         *         "feed_id": "b7e3c9d1-5a2f-4e86-9c04-7d1b6f8a3e52",
         *         "applied": 1042,
         *         "structure": 7,
         *         "documents": 311,
         *         "state_hash": "9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c",
         *         "refused": [],
         *         "logs": {
         *           "behind_since": null,
         *           "unsent_bytes": 0,
         *           "lost_lines": 0
         *         }
         *       },
         *       "created_at": "2026-05-01T12:00:00.000Z"
         *     }
         */
        Edge: {
            /** Format: uuid */
            id: string;
            name: string;
            /** Format: uuid */
            group_id: string;
            /** @description Where the edges of child groups reach it. Null: they do not. */
            address: (string) | null;
            /**
             * @description `draining`: it serves, and tells by its health that nobody should come any more. `maintenance`: its nginx ends after the last answer.
             * @enum {string}
             */
            state: "active" | "draining" | "maintenance";
            capabilities: {
                nginx: string;
                http3: boolean;
                http2_directive: boolean;
                /** @default false */
                balancer_keepalive: boolean;
                /** @default false */
                brotli: boolean;
            };
            last_seen_at: string | null;
            /** @description It was heard of within a minute; else it holds no deployment up. */
            is_live: boolean;
            /** @description The last report; null until the first one. */
            running: {
                /** Format: uuid */
                feed_id: string;
                /** @description Every revision up to this one is applied or refused. */
                applied: number;
                /** @description The revision of the nginx files it serves with. */
                structure: number;
                documents: number;
                state_hash: string;
                refused: {
                    /** @enum {string} */
                    kind: "document" | "structure" | "keyring" | "secret" | "purge" | "prefetch" | "certificate" | "node" | "shield" | "challenge";
                    /** Format: uuid */
                    id: string;
                    rev: number;
                    /** @enum {string} */
                    stage: "verify" | "persist" | "open" | "push" | "taste" | "reload" | "probe" | "crash";
                    message: string;
                }[];
                /** @description How far its access log is sent; null: its agent does not tell. */
                logs: {
                    /** @description When the oldest log line was written that has not arrived; null: nothing waits. */
                    behind_since: string | null;
                    unsent_bytes: number;
                    /** @description Given up because they waited for longer than the edge's disk could hold them. */
                    lost_lines: number;
                } | null;
            } | null;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "id": "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d",
         *       "name": "frankfurt",
         *       "settings": {
         *         "listeners": {
         *           "host": "0.0.0.0",
         *           "more_hosts": [],
         *           "http": 80,
         *           "https": 443,
         *           "parent": null
         *         },
         *         "cache": {
         *           "zone_mb": 64,
         *           "disk_max_gb": 10,
         *           "disks": []
         *         },
         *         "documents": {
         *           "count_max": 100000
         *         },
         *         "workers": {
         *           "count": 0,
         *           "connections": 16384
         *         },
         *         "modules": {
         *           "brotli": true,
         *           "http3": true
         *         },
         *         "logs": {
         *           "one_in": 1,
         *           "query": false
         *         },
         *         "region": "other",
         *         "parent_group_id": null
         *       },
         *       "is_canary": false,
         *       "capabilities": {
         *         "nginx": "1.27.1",
         *         "http3": true,
         *         "http2_directive": true,
         *         "balancer_keepalive": true,
         *         "brotli": false
         *       },
         *       "version": 3,
         *       "refused": [
         *         {
         *           "edge_id": "6f1d8a52-7c39-4b0e-9a64-2f5e83c1d7b0",
         *           "edge": "fra-1",
         *           "revision": 1043,
         *           "stage": "taste",
         *           "message": "mkdir() \"/mnt/nvme0/edgewright-d2c4b6a8\" failed (2: No such file or directory)"
         *         }
         *       ],
         *       "created_at": "2026-05-01T12:00:00.000Z",
         *       "updated_at": "2026-05-01T12:00:00.000Z"
         *     }
         */
        EdgeGroup: {
            /** Format: uuid */
            id: string;
            name: string;
            settings: {
                listeners: {
                    /**
                     * @description `0.0.0.0` is every IPv4 address, `::` every address of both kinds.
                     * @default 0.0.0.0
                     */
                    host: string;
                    /**
                     * @description Further addresses of every node, with the same ports.
                     * @default []
                     */
                    more_hosts: (string)[];
                    /** @default 80 */
                    http: number;
                    /** @default 443 */
                    https: number;
                    /**
                     * @description Where the edges of groups whose parent this one is ask for what they lack, over TLS with certificates on both sides. Null: it is nobody's parent.
                     * @default null
                     */
                    parent: number | null;
                };
                cache: {
                    /**
                     * @description Memory for the index of the disks: about 8,000 objects per MB.
                     * @default 64
                     */
                    zone_mb: number;
                    /**
                     * @description What is kept where no disks are named.
                     * @default 10
                     */
                    disk_max_gb: number;
                    /**
                     * @description Objects are spread over them by size. None: a folder of the edge's own.
                     * @default []
                     */
                    disks: {
                        /** @description A folder that every node has and its nginx may write to, such as a mounted disk. */
                        path: string;
                        max_gb: number;
                    }[];
                };
                documents: {
                    /**
                     * @description How many distributions fit, at an average document of up to 2 KB; memory follows from it.
                     * @default 100000
                     */
                    count_max: number;
                };
                workers: {
                    /**
                     * @description 0: as many as there are processors.
                     * @default 0
                     */
                    count: number;
                    /** @default 16384 */
                    connections: number;
                };
                modules: {
                    /**
                     * @description Brotli for viewers, where every node of the group can.
                     * @default true
                     */
                    brotli: boolean;
                    /**
                     * @description HTTP/3, where every node of the group can.
                     * @default true
                     */
                    http3: boolean;
                };
                logs: {
                    /**
                     * @description One request in so many is logged, and counts that often; errors (4xx, 5xx) always are.
                     * @default 1
                     * @enum {number}
                     */
                    one_in: 1 | 2 | 4 | 5 | 8 | 10 | 16 | 20 | 25 | 40 | 50 | 80 | 100 | 125 | 200 | 250 | 400 | 500 | 625 | 1000;
                    /**
                     * @description Whether lines hold the query as viewers sent it, with what names and tokens stand in it. The path is always logged.
                     * @default false
                     */
                    query: boolean;
                };
                /**
                 * @description Where its traffic is billed as served from.
                 * @default other
                 * @enum {string}
                 */
                region: "africa" | "asia" | "europe" | "middle_east" | "north_america" | "oceania" | "south_america" | "other";
                /**
                 * @description The group whose edges are asked on a miss, before the origin. It has no parent of its own.
                 * @default null
                 */
                parent_group_id: string | null;
            };
            is_canary: boolean;
            /** @description What every node of the group can do; null until the first one has enrolled. */
            capabilities: {
                nginx: string;
                http3: boolean;
                http2_directive: boolean;
                /** @default false */
                balancer_keepalive: boolean;
                /** @default false */
                brotli: boolean;
            } | null;
            /** @description The newest of its versions. */
            version: number;
            /** @description Edges that could not run these settings and serve with the ones before. */
            refused: {
                /** Format: uuid */
                edge_id: string;
                edge: string;
                revision: number;
                /**
                 * @description `taste`: in a trial; `reload`, `probe`: in earnest.
                 * @enum {string}
                 */
                stage: "verify" | "persist" | "open" | "push" | "taste" | "reload" | "probe" | "crash";
                message: string;
            }[];
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
        };
        /**
         * @example {
         *       "name": "frankfurt",
         *       "settings": {
         *         "cache": {
         *           "disks": [
         *             {
         *               "path": "/mnt/nvme0",
         *               "max_gb": 900
         *             }
         *           ]
         *         },
         *         "logs": {
         *           "one_in": 10
         *         }
         *       }
         *     }
         */
        EdgeGroupInput: {
            /** @description Customers see it where they choose groups. */
            name: string;
            /** @default {} */
            settings?: {
                /** @default {} */
                listeners?: {
                    /**
                     * @description `0.0.0.0` is every IPv4 address, `::` every address of both kinds.
                     * @default 0.0.0.0
                     */
                    host?: string;
                    /**
                     * @description Further addresses of every node, with the same ports.
                     * @default []
                     */
                    more_hosts?: (string)[];
                    /** @default 80 */
                    http?: number;
                    /** @default 443 */
                    https?: number;
                    /**
                     * @description Where the edges of groups whose parent this one is ask for what they lack, over TLS with certificates on both sides. Null: it is nobody's parent.
                     * @default null
                     */
                    parent?: number | null;
                };
                /** @default {} */
                cache?: {
                    /**
                     * @description Memory for the index of the disks: about 8,000 objects per MB.
                     * @default 64
                     */
                    zone_mb?: number;
                    /**
                     * @description What is kept where no disks are named.
                     * @default 10
                     */
                    disk_max_gb?: number;
                    /**
                     * @description Objects are spread over them by size. None: a folder of the edge's own.
                     * @default []
                     */
                    disks?: {
                        /** @description A folder that every node has and its nginx may write to, such as a mounted disk. */
                        path: string;
                        max_gb: number;
                    }[];
                };
                /** @default {} */
                documents?: {
                    /**
                     * @description How many distributions fit, at an average document of up to 2 KB; memory follows from it.
                     * @default 100000
                     */
                    count_max?: number;
                };
                /** @default {} */
                workers?: {
                    /**
                     * @description 0: as many as there are processors.
                     * @default 0
                     */
                    count?: number;
                    /** @default 16384 */
                    connections?: number;
                };
                /** @default {} */
                modules?: {
                    /**
                     * @description Brotli for viewers, where every node of the group can.
                     * @default true
                     */
                    brotli?: boolean;
                    /**
                     * @description HTTP/3, where every node of the group can.
                     * @default true
                     */
                    http3?: boolean;
                };
                /** @default {} */
                logs?: {
                    /**
                     * @description One request in so many is logged, and counts that often; errors (4xx, 5xx) always are.
                     * @default 1
                     * @enum {number}
                     */
                    one_in?: 1 | 2 | 4 | 5 | 8 | 10 | 16 | 20 | 25 | 40 | 50 | 80 | 100 | 125 | 200 | 250 | 400 | 500 | 625 | 1000;
                    /**
                     * @description Whether lines hold the query as viewers sent it, with what names and tokens stand in it. The path is always logged.
                     * @default false
                     */
                    query?: boolean;
                };
                /**
                 * @description Where its traffic is billed as served from.
                 * @default other
                 * @enum {string}
                 */
                region?: "africa" | "asia" | "europe" | "middle_east" | "north_america" | "oceania" | "south_america" | "other";
                /**
                 * @description The group whose edges are asked on a miss, before the origin. It has no parent of its own.
                 * @default null
                 */
                parent_group_id?: string | null;
            };
            /**
             * @description What a new compiler makes comes to this group first. One group at most.
             * @default false
             */
            is_canary?: boolean;
        };
        /**
         * @example {
         *       "settings": {
         *         "cache": {
         *           "zone_mb": 128
         *         }
         *       }
         *     }
         */
        EdgeGroupPatch: {
            /** @description Customers see it where they choose groups. */
            name?: string;
            settings?: {
                listeners?: {
                    /** @description `0.0.0.0` is every IPv4 address, `::` every address of both kinds. */
                    host?: string;
                    /** @description Further addresses of every node, with the same ports. */
                    more_hosts?: (string)[];
                    http?: number;
                    https?: number;
                    /** @description Where the edges of groups whose parent this one is ask for what they lack, over TLS with certificates on both sides. Null: it is nobody's parent. */
                    parent?: number | null;
                };
                cache?: {
                    /** @description Memory for the index of the disks: about 8,000 objects per MB. */
                    zone_mb?: number;
                    /** @description What is kept where no disks are named. */
                    disk_max_gb?: number;
                    /** @description Objects are spread over them by size. None: a folder of the edge's own. */
                    disks?: {
                        /** @description A folder that every node has and its nginx may write to, such as a mounted disk. */
                        path: string;
                        max_gb: number;
                    }[];
                };
                documents?: {
                    /** @description How many distributions fit, at an average document of up to 2 KB; memory follows from it. */
                    count_max?: number;
                };
                workers?: {
                    /** @description 0: as many as there are processors. */
                    count?: number;
                    connections?: number;
                };
                modules?: {
                    /** @description Brotli for viewers, where every node of the group can. */
                    brotli?: boolean;
                    /** @description HTTP/3, where every node of the group can. */
                    http3?: boolean;
                };
                logs?: {
                    /**
                     * @description One request in so many is logged, and counts that often; errors (4xx, 5xx) always are.
                     * @enum {number}
                     */
                    one_in?: 1 | 2 | 4 | 5 | 8 | 10 | 16 | 20 | 25 | 40 | 50 | 80 | 100 | 125 | 200 | 250 | 400 | 500 | 625 | 1000;
                    /** @description Whether lines hold the query as viewers sent it, with what names and tokens stand in it. The path is always logged. */
                    query?: boolean;
                };
                /**
                 * @description Where its traffic is billed as served from.
                 * @enum {string}
                 */
                region?: "africa" | "asia" | "europe" | "middle_east" | "north_america" | "oceania" | "south_america" | "other";
                /** @description The group whose edges are asked on a miss, before the origin. It has no parent of its own. */
                parent_group_id?: string | null;
            };
            /** @description What a new compiler makes comes to this group first. One group at most. */
            is_canary?: boolean;
        };
        /**
         * @example {
         *       "version": 1
         *     }
         */
        EdgeGroupRollback: {
            /** @description It becomes a new version. */
            version: number;
        };
        /**
         * @example {
         *       "distributions": 12
         *     }
         */
        EdgeGroupVacated: {
            /** @description How many are on their way to the other group. */
            distributions: number;
        };
        /**
         * @example {
         *       "to_group_id": "9e8d7c6b-5a4f-4e3d-8c2b-1a0f9e8d7c6b"
         *     }
         */
        EdgeGroupVacation: {
            /** Format: uuid */
            to_group_id: string;
        };
        /**
         * @example {
         *       "number": 2,
         *       "action": "edge-group.update",
         *       "user_id": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "api_token_id": null,
         *       "created_at": "2026-05-01T12:00:00.000Z",
         *       "configuration": {
         *         "name": "frankfurt",
         *         "settings": {
         *           "listeners": {
         *             "host": "0.0.0.0",
         *             "more_hosts": [],
         *             "http": 80,
         *             "https": 443,
         *             "parent": null
         *           },
         *           "cache": {
         *             "zone_mb": 64,
         *             "disk_max_gb": 10,
         *             "disks": []
         *           },
         *           "documents": {
         *             "count_max": 100000
         *           },
         *           "workers": {
         *             "count": 0,
         *             "connections": 16384
         *           },
         *           "modules": {
         *             "brotli": true,
         *             "http3": true
         *           },
         *           "logs": {
         *             "one_in": 1,
         *             "query": false
         *           },
         *           "region": "other",
         *           "parent_group_id": null
         *         },
         *         "is_canary": false
         *       },
         *       "changes": [
         *         {
         *           "pointer": "/settings/cache/zone_mb",
         *           "before": 64,
         *           "after": 128
         *         }
         *       ]
         *     }
         */
        EdgeGroupVersion: {
            /** @description Counts from 1; each change adds one. */
            number: number;
            /** @description `noun.verb`: what made this version. */
            action: string;
            /** @description Whose change it was; null: the platform's. */
            user_id: string | null;
            api_token_id: string | null;
            /** Format: date-time */
            created_at: string;
            configuration: {
                name: string;
                settings: {
                    listeners: {
                        /**
                         * @description `0.0.0.0` is every IPv4 address, `::` every address of both kinds.
                         * @default 0.0.0.0
                         */
                        host: string;
                        /**
                         * @description Further addresses of every node, with the same ports.
                         * @default []
                         */
                        more_hosts: (string)[];
                        /** @default 80 */
                        http: number;
                        /** @default 443 */
                        https: number;
                        /**
                         * @description Where the edges of groups whose parent this one is ask for what they lack, over TLS with certificates on both sides. Null: it is nobody's parent.
                         * @default null
                         */
                        parent: number | null;
                    };
                    cache: {
                        /**
                         * @description Memory for the index of the disks: about 8,000 objects per MB.
                         * @default 64
                         */
                        zone_mb: number;
                        /**
                         * @description What is kept where no disks are named.
                         * @default 10
                         */
                        disk_max_gb: number;
                        /**
                         * @description Objects are spread over them by size. None: a folder of the edge's own.
                         * @default []
                         */
                        disks: {
                            /** @description A folder that every node has and its nginx may write to, such as a mounted disk. */
                            path: string;
                            max_gb: number;
                        }[];
                    };
                    documents: {
                        /**
                         * @description How many distributions fit, at an average document of up to 2 KB; memory follows from it.
                         * @default 100000
                         */
                        count_max: number;
                    };
                    workers: {
                        /**
                         * @description 0: as many as there are processors.
                         * @default 0
                         */
                        count: number;
                        /** @default 16384 */
                        connections: number;
                    };
                    modules: {
                        /**
                         * @description Brotli for viewers, where every node of the group can.
                         * @default true
                         */
                        brotli: boolean;
                        /**
                         * @description HTTP/3, where every node of the group can.
                         * @default true
                         */
                        http3: boolean;
                    };
                    logs: {
                        /**
                         * @description One request in so many is logged, and counts that often; errors (4xx, 5xx) always are.
                         * @default 1
                         * @enum {number}
                         */
                        one_in: 1 | 2 | 4 | 5 | 8 | 10 | 16 | 20 | 25 | 40 | 50 | 80 | 100 | 125 | 200 | 250 | 400 | 500 | 625 | 1000;
                        /**
                         * @description Whether lines hold the query as viewers sent it, with what names and tokens stand in it. The path is always logged.
                         * @default false
                         */
                        query: boolean;
                    };
                    /**
                     * @description Where its traffic is billed as served from.
                     * @default other
                     * @enum {string}
                     */
                    region: "africa" | "asia" | "europe" | "middle_east" | "north_america" | "oceania" | "south_america" | "other";
                    /**
                     * @description The group whose edges are asked on a miss, before the origin. It has no parent of its own.
                     * @default null
                     */
                    parent_group_id: string | null;
                };
                is_canary: boolean;
            };
            /** @description Against the version before. */
            changes: {
                pointer: string;
                before?: unknown;
                after?: unknown;
            }[];
        };
        /**
         * @example {
         *       "state": "draining"
         *     }
         */
        EdgePatch: {
            name?: string;
            /** @description Where the edges of child groups reach it. Null: they do not. */
            address?: (string) | null;
            /**
             * @description `draining`: it serves, and tells by its health that nobody should come any more. `maintenance`: its nginx ends after the last answer.
             * @enum {string}
             */
            state?: "active" | "draining" | "maintenance";
        };
        /**
         * @example {
         *       "token": "Q2hvb3NlIGEgdG9rZW4gdGhhdCBub2JvZHkgZ3Vlc3M"
         *     }
         */
        EmailVerification: {
            token: string;
        };
        /**
         * @example {
         *       "token": "3vQ0Zr7k5XbN2mTq8LsY1wC4dE6fG9hJ0kM2nP5rS7t.4f1c09",
         *       "group_id": "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d",
         *       "expires_at": "2026-05-01T12:15:00.000Z"
         *     }
         */
        EnrolmentToken: {
            /** @description Shown once. Enrols one node. */
            token: string;
            /** Format: uuid */
            group_id: string;
            /** Format: date-time */
            expires_at: string;
        };
        /**
         * @example {
         *       "from": "2026-05-01T00:00:00.000Z",
         *       "to": "2026-05-02T00:00:00.000Z",
         *       "data": [
         *         {
         *           "status": 502,
         *           "url": "www.example.com/api/cart",
         *           "distribution_id": "0b9a5f7e-3c1d-4b8a-9c55-0f6d1f0a7b11",
         *           "cache_status": "MISS",
         *           "made_by": "unreachable",
         *           "requests": 214,
         *           "first_seen": "2026-05-01T03:12:44.120Z",
         *           "last_seen": "2026-05-01T03:19:02.871Z",
         *           "request_ids": [
         *             "5f2c1a9be0d84c7f9a3e6b1d2c4f8a07"
         *           ]
         *         }
         *       ]
         *     }
         */
        ErrorReport: {
            /** Format: date-time */
            from: string;
            /** Format: date-time */
            to: string;
            data: {
                status: number;
                url: string;
                /** Format: uuid */
                distribution_id: string;
                cache_status: string;
                /**
                 * @description `origin`: the origin answered so, now or when it was cached. `unreachable`: no answer came from the origin. `edge`: a rule, a limit or a setting of yours made the edge answer so.
                 * @enum {string}
                 */
                made_by: "origin" | "unreachable" | "edge";
                requests: number;
                /**
                 * Format: date-time
                 * @description Within the period.
                 */
                first_seen: string;
                /** Format: date-time */
                last_seen: string;
                /** @description Of some of them, as the viewers got X-Request-Id. */
                request_ids: string[];
            }[];
        };
        /**
         * @example {
         *       "message": "cdn.example.com wants you to sign in with your Ethereum account:\n0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045\n\n\nURI: https://cdn.example.com\nVersion: 1\nChain ID: 1\nNonce: 32891756a1b2c3d4\nIssued At: 2026-03-01T12:00:00.000Z",
         *       "signature": "0x1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b",
         *       "password": "correct-horse-1"
         *     }
         */
        EthereumLink: {
            /** @description As EIP-4361 has it, with the nonce that was asked for. */
            message: string;
            signature: string;
            /** @description Left out only by who has none. */
            password?: string;
        };
        /**
         * @example {
         *       "message": "cdn.example.com wants you to sign in with your Ethereum account:\n0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045\n\n\nURI: https://cdn.example.com\nVersion: 1\nChain ID: 1\nNonce: 32891756a1b2c3d4\nIssued At: 2026-03-01T12:00:00.000Z",
         *       "signature": "0x1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b"
         *     }
         */
        EthereumLogin: {
            /** @description As EIP-4361 has it, with the nonce that was asked for. */
            message: string;
            signature: string;
            /** @description What the authenticator shows. */
            totp_code?: string;
            /** @description Instead of a code, when the authenticator is lost. */
            recovery_code?: string;
        };
        /**
         * @description What must stand in the message. The nonce is good once.
         * @example {
         *       "nonce": "32891756a1b2c3d4",
         *       "expires_at": "2026-03-01T12:05:00.000Z",
         *       "domain": "cdn.example.com",
         *       "uri": "https://cdn.example.com",
         *       "chain_id": 1,
         *       "version": "1"
         *     }
         */
        EthereumNonce: {
            nonce: string;
            expires_at: string;
            domain: string;
            uri: string;
            chain_id: number;
            /** @constant */
            version: "1";
        };
        /**
         * @example {
         *       "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *       "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "position": 1,
         *       "created_by": null,
         *       "updated_by": null,
         *       "created_at": "2026-01-15T09:30:00.000Z",
         *       "updated_at": "2026-01-15T09:30:00.000Z",
         *       "paths": [
         *         "/*"
         *       ],
         *       "phase": "response",
         *       "action": "set",
         *       "name": "x-frame-options",
         *       "value": "DENY",
         *       "description": ""
         *     }
         */
        HeaderRule: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @description From 1, among the rules of its kind. */
            position: number;
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths: string[];
            /**
             * @description `request`: on the way to the origin. `response`: on the way to the viewer.
             * @enum {string}
             */
            phase: "request" | "response";
            /**
             * @description `set` replaces what is there.
             * @enum {string}
             */
            action: "set" | "add" | "remove";
            name: string;
            /** @description Empty for `remove`. */
            value: string;
            description: string;
        };
        /**
         * @example {
         *       "paths": [
         *         "/*"
         *       ],
         *       "phase": "response",
         *       "action": "set",
         *       "name": "x-frame-options",
         *       "value": "DENY",
         *       "description": ""
         *     }
         */
        HeaderRuleInput: {
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description `request`: on the way to the origin. `response`: on the way to the viewer.
             * @enum {string}
             */
            phase: "request" | "response";
            /**
             * @description `set` replaces what is there.
             * @enum {string}
             */
            action: "set" | "add" | "remove";
            name: string;
            /** @default  */
            value?: string;
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        };
        /**
         * @example {
         *       "paths": [
         *         "/*"
         *       ],
         *       "phase": "response",
         *       "action": "set",
         *       "name": "x-frame-options",
         *       "value": "DENY",
         *       "description": ""
         *     }
         * @example {
         *       "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *       "paths": [
         *         "/*"
         *       ],
         *       "phase": "response",
         *       "action": "set",
         *       "name": "x-frame-options",
         *       "value": "DENY",
         *       "description": ""
         *     }
         */
        HeaderRuleItem: {
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /**
             * @description `request`: on the way to the origin. `response`: on the way to the viewer.
             * @enum {string}
             */
            phase: "request" | "response";
            /**
             * @description `set` replaces what is there.
             * @enum {string}
             */
            action: "set" | "add" | "remove";
            name: string;
            /** @default  */
            value?: string;
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /**
             * Format: uuid
             * @description Of a rule that stays, perhaps changed. Without one it is a new rule.
             */
            id?: string;
        };
        /**
         * @example {
         *       "data": [
         *         {
         *           "paths": [
         *             "/*"
         *           ],
         *           "phase": "response",
         *           "action": "set",
         *           "name": "x-frame-options",
         *           "value": "DENY",
         *           "description": ""
         *         }
         *       ]
         *     }
         */
        HeaderRuleList: {
            data: components["schemas"]["HeaderRuleItem"][];
        };
        /**
         * @example {
         *       "position": 1,
         *       "description": "Comes first"
         *     }
         */
        HeaderRulePatch: {
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths?: string[];
            /**
             * @description `request`: on the way to the origin. `response`: on the way to the viewer.
             * @enum {string}
             */
            phase?: "request" | "response";
            /**
             * @description `set` replaces what is there.
             * @enum {string}
             */
            action?: "set" | "add" | "remove";
            name?: string;
            value?: string;
            /** @description A note of your own. */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        };
        /** @description Each edge asks the origin by itself; without one, only the failures of viewers' requests count. */
        HealthCheck: {
            /**
             * @description Asked for with GET, with the origin's own Host. Of a bucket: an object, with HEAD.
             * @default /
             */
            path: string;
            /** @default 30 */
            interval_seconds: number;
            /** @default 5 */
            timeout_seconds: number;
            /**
             * @description Answers that are healthy: `200`, `200-399`.
             * @default [
             *       "200-399"
             *     ]
             */
            statuses: string[];
            /**
             * @description So many good answers in a row, and the origin is asked by viewers' requests again.
             * @default 2
             */
            healthy_after: number;
            /**
             * @description So many failures in a row, and it is asked only when no other is left.
             * @default 3
             */
            unhealthy_after: number;
        };
        /** @description Each edge asks the origin by itself; without one, only the failures of viewers' requests count. */
        HealthCheckInput: {
            /**
             * @description Asked for with GET, with the origin's own Host. Of a bucket: an object, with HEAD.
             * @default /
             */
            path?: string;
            /** @default 30 */
            interval_seconds?: number;
            /** @default 5 */
            timeout_seconds?: number;
            /**
             * @description Answers that are healthy: `200`, `200-399`.
             * @default [
             *       "200-399"
             *     ]
             */
            statuses?: string[];
            /**
             * @description So many good answers in a row, and the origin is asked by viewers' requests again.
             * @default 2
             */
            healthy_after?: number;
            /**
             * @description So many failures in a row, and it is asked only when no other is left.
             * @default 3
             */
            unhealthy_after?: number;
        };
        /** @description HTTP Strict Transport Security (RFC 6797). */
        Hsts: {
            /**
             * @description For how long browsers come by HTTPS alone. 0 takes back what they were told.
             * @default 31536000
             */
            max_age_seconds: number;
            /**
             * @description True: to every name below its hosts too.
             * @default false
             */
            include_subdomains: boolean;
            /**
             * @description True: the hosts may be built into browsers. Who is in that list stays for months.
             * @default false
             */
            preload: boolean;
        };
        /** @description HTTP Strict Transport Security (RFC 6797). */
        HstsInput: {
            /**
             * @description For how long browsers come by HTTPS alone. 0 takes back what they were told.
             * @default 31536000
             */
            max_age_seconds?: number;
            /**
             * @description True: to every name below its hosts too.
             * @default false
             */
            include_subdomains?: boolean;
            /**
             * @description True: the hosts may be built into browsers. Who is in that list stays for months.
             * @default false
             */
            preload?: boolean;
        };
        /**
         * @example {
         *       "data": [
         *         {
         *           "id": "2f6f5c1e-9d0b-4c39-8f7a-1c1f1d0f5a10",
         *           "kind": "ethereum",
         *           "issuer": "eip155",
         *           "subject": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
         *           "created_at": "2026-03-01T12:00:00.000Z"
         *         }
         *       ]
         *     }
         */
        Identities: {
            data: components["schemas"]["Identity"][];
        };
        /**
         * @example {
         *       "id": "2f6f5c1e-9d0b-4c39-8f7a-1c1f1d0f5a10",
         *       "kind": "ethereum",
         *       "issuer": "eip155",
         *       "subject": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
         *       "created_at": "2026-03-01T12:00:00.000Z"
         *     }
         */
        Identity: {
            /** Format: uuid */
            id: string;
            /** @enum {string} */
            kind: "ethereum" | "openid";
            /** @description Of OpenID Connect the issuer's URL; eip155 for wallets. */
            issuer: string;
            /** @description The wallet's address, or the issuer's id of the person. */
            subject: string;
            created_at: string;
        };
        /**
         * @example {
         *       "id": "5b0d5c7a-7a4e-4a40-8c0c-3f1f2f1b9a63",
         *       "email": "grace@example.com",
         *       "role": "editor",
         *       "status": "pending",
         *       "invited_by": "0b9a5f7e-3c1d-4b8a-9c55-0f6d1f0a7b11",
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "mailed_at": "2026-03-01T12:00:00.000Z",
         *       "expires_at": "2026-03-08T12:00:00.000Z",
         *       "ended_at": null
         *     }
         */
        Invitation: {
            /** Format: uuid */
            id: string;
            email: string;
            /** @enum {string} */
            role: "viewer" | "editor" | "admin" | "owner";
            /** @enum {string} */
            status: "pending" | "accepted" | "declined" | "revoked" | "expired";
            /**
             * Format: uuid
             * @description The member who sent it.
             */
            invited_by: string;
            created_at: string;
            /** @description When it was mailed last. */
            mailed_at: string;
            expires_at: string;
            ended_at: string | null;
        };
        /**
         * @example {
         *       "email": "grace@example.com",
         *       "role": "editor"
         *     }
         */
        InvitationInput: {
            /** @description By RFC 5322. An international domain may be written either way, and is kept in ASCII. */
            email: string;
            /** @enum {string} */
            role: "viewer" | "editor" | "admin" | "owner";
        };
        /**
         * @example {
         *       "token": "p0K2m8Xo1d9xA3yq7VbW5cZf4hLrTnGsUe6jQkMiDwE"
         *     }
         */
        InvitationToken: {
            /** @description From the link of the mail. */
            token: string;
        };
        /**
         * @example {
         *       "type": "error_rate",
         *       "percent": 5,
         *       "recovery_percent": 2,
         *       "window_minutes": 5,
         *       "requests_min": 100
         *     }
         */
        KeptAlertCondition: {
            /** @constant */
            type: "threshold";
            /**
             * @description As in GET /reports/traffic: shares and ratios from 0 to 1, bandwidth in bits per second, times in ms.
             * @enum {string}
             */
            metric: "requests" | "bytes" | "bandwidth" | "bytes_in" | "hits" | "hit_ratio" | "byte_hit_ratio" | "status_1xx" | "status_2xx" | "status_3xx" | "status_4xx" | "status_5xx" | "errors" | "error_rate" | "origin_requests" | "origin_bytes" | "ttfb_p50" | "ttfb_p95" | "ttfb_p99" | "visitors";
            /** @enum {string} */
            direction: "above" | "below";
            value: number;
            recovery_value: number | null;
            /**
             * @description What is judged: that many minutes, up to one to two minutes ago.
             * @enum {number}
             */
            window_minutes: 5 | 10 | 15 | 30 | 60 | 180 | 360 | 720 | 1440;
            /** @description With fewer requests there is nothing to judge: the condition does not hold. */
            requests_min: number;
        } | {
            /** @constant */
            type: "drop";
            /** @enum {string} */
            metric: "requests" | "bytes";
            percent: number;
            recovery_percent: number | null;
            /** @description With fewer requests there is nothing to judge: the condition does not hold. */
            requests_min: number;
        } | {
            /** @constant */
            type: "error_rate";
            percent: number;
            recovery_percent: number | null;
            /**
             * @description What is judged: that many minutes, up to one to two minutes ago.
             * @enum {number}
             */
            window_minutes: 5 | 10 | 15 | 30 | 60 | 180 | 360 | 720 | 1440;
            /** @description With fewer requests there is nothing to judge: the condition does not hold. */
            requests_min: number;
        } | {
            /** @constant */
            type: "certificate_expiry";
            /** @description Of automatic certificates those alone that were not renewed in time. */
            days: number;
        };
        /**
         * @example {
         *       "id": "7d2f4c1a-9b3e-4f60-8a15-c0d9e8f7a6b5",
         *       "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "type": "urls",
         *       "count": 2,
         *       "status": "done",
         *       "created_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "created_at": "2026-11-21T12:00:00.000Z",
         *       "done_at": "2026-11-21T12:00:00.000Z"
         *     }
         */
        ListedPurge: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @enum {string} */
            type: "urls" | "prefixes" | "tags" | "all";
            /** @description How many urls, prefixes or tags; 1 for all. */
            count: number;
            /**
             * @description `pending`: not on its way yet. `purging`: some edge that answers does not have it yet. `done`: nothing older is served by any of them; one that is away catches up before it serves. `failed`: an edge refused it.
             * @enum {string}
             */
            status: "pending" | "purging" | "done" | "failed";
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            /** Format: date-time */
            created_at: string;
            /** @description When the last edge had it. */
            done_at: string | null;
        };
        /**
         * @example {
         *       "salts": [
         *         {
         *           "day": "2026-05-04",
         *           "salt": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
         *         }
         *       ]
         *     }
         */
        LogSalts: {
            salts: {
                /** Format: date */
                day: string;
                /** Format: base64 */
                salt: string;
            }[];
        };
        /**
         * @description Who has an authenticator is asked for a code by the problem totp-required: send all again, with it.
         * @example {
         *       "login": "ada",
         *       "password": "correct-horse-1"
         *     }
         * @example {
         *       "login": "ada@example.com",
         *       "password": "correct-horse-1",
         *       "totp_code": "492039"
         *     }
         */
        Login: {
            /** @description E-mail address or user name. */
            login: string;
            password: string;
            /** @description What the authenticator shows. */
            totp_code?: string;
            /** @description Instead of a code, when the authenticator is lost. */
            recovery_code?: string;
        };
        /**
         * @example {
         *       "user_id": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
         *       "username": "grace",
         *       "email": "grace@example.com",
         *       "role": "editor",
         *       "created_at": "2026-03-02T09:30:00.000Z"
         *     }
         */
        Member: {
            /** Format: uuid */
            user_id: string;
            username: string;
            email: string | null;
            /** @enum {string} */
            role: "viewer" | "editor" | "admin" | "owner";
            /** @description Since when they belong to the account. */
            created_at: string;
        };
        /**
         * @example {
         *       "role": "admin"
         *     }
         */
        MemberPatch: {
            /** @enum {string} */
            role: "viewer" | "editor" | "admin" | "owner";
        };
        /**
         * @example {
         *       "code": "Q2hvb3NlIGEgdG9rZW4gdGhhdCBub2JvZHkgZ3Vlc3M"
         *     }
         */
        OpenIdLogin: {
            code: string;
            /** @description What the authenticator shows. */
            totp_code?: string;
            /** @description Instead of a code, when the authenticator is lost. */
            recovery_code?: string;
        };
        /**
         * @example {
         *       "id": "6f1c2d3e-4b5a-4c6d-8e7f-9a0b1c2d3e4f",
         *       "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "customer_id": "2a3b4c5d-6e7f-4a8b-9c0d-1e2f3a4b5c6d",
         *       "label": "origin-1",
         *       "url": "https://origin.example.com",
         *       "type": "custom",
         *       "load_balancer_type": "failover",
         *       "port": 443,
         *       "protocol": "https",
         *       "is_primary": true,
         *       "weight": 1,
         *       "host_header": "origin.example.com",
         *       "is_tls_verified": true,
         *       "connect_timeout_seconds": 5,
         *       "read_timeout_seconds": 30,
         *       "health_check": null,
         *       "s3_type": null,
         *       "s3_style": null,
         *       "s3_region": null,
         *       "s3_bucket_name": null,
         *       "s3_storage_hostname": null,
         *       "s3_access_key_id": null,
         *       "created_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "updated_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "created_at": "2026-11-20T12:00:00.000Z",
         *       "updated_at": "2026-11-20T12:00:00.000Z",
         *       "gotipath_deleted_at": null
         *     }
         */
        Origin: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /**
             * Format: uuid
             * @description The account that owns it.
             */
            customer_id: string;
            label: string;
            url: string;
            /** @enum {string} */
            type: "custom" | "s3";
            /**
             * @description How misses are spread: `failover` asks the primary one first, `round_robin` each in turn, `weighted` by weight, `consistent_hash` gives each URL its origin. The same for all origins of a distribution.
             * @enum {string}
             */
            load_balancer_type: "failover" | "round_robin" | "weighted" | "consistent_hash";
            port: number;
            /** @enum {string} */
            protocol: "http" | "https";
            is_primary: boolean;
            weight: number;
            /** @description What it reads as Host, unless the distribution has a host_header. */
            host_header: string;
            /** @description False: any certificate of an https origin is taken. */
            is_tls_verified: boolean;
            connect_timeout_seconds: number;
            read_timeout_seconds: number;
            /** @description Null: none. */
            health_check: components["schemas"]["HealthCheck"] | null;
            /** @description Null, as all that is named s3: it is no bucket. */
            s3_type: ("aws" | "other") | null;
            s3_style: ("path" | "virtual") | null;
            s3_region: string | null;
            s3_bucket_name: string | null;
            s3_storage_hostname: string | null;
            s3_access_key_id: string | null;
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
            /** @description When the last of our edges stopped asking it; null: they may ask it. */
            gotipath_deleted_at: string | null;
        };
        /**
         * @example {
         *       "url": "https://origin.example.com",
         *       "weight": 2,
         *       "health_check": {
         *         "path": "/healthz"
         *       }
         *     }
         * @example {
         *       "type": "s3",
         *       "s3_type": "aws",
         *       "s3_region": "eu-central-1",
         *       "s3_bucket_name": "shop-images",
         *       "s3_access_key_id": "AKIAIOSFODNN7EXAMPLE",
         *       "s3_secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
         *     }
         */
        OriginInput: {
            /** @description http:// or https:// and a host, with an optional port. Of S3 origins, made from the others. */
            url?: string;
            /** @description A name of your own. Default: origin-1, origin-2 … */
            label?: string;
            /**
             * @description Default: the distribution's origin_type.
             * @enum {string}
             */
            type?: "custom" | "http" | "s3";
            /**
             * @description Default: failover.
             * @enum {string}
             */
            load_balancer_type?: "failover" | "round_robin" | "weighted" | "consistent_hash";
            /** @description Must agree with the URL. */
            port?: number;
            /**
             * @description Must agree with the URL.
             * @enum {string}
             */
            protocol?: "http" | "https";
            /** @description Default: true for the first origin of a distribution. */
            is_primary?: boolean;
            /**
             * @description Its share with `weighted`, against the others' weights.
             * @default 1
             */
            weight?: number;
            /** @description What the origin reads as Host, unless the distribution has a host_header. Default: the URL's host. */
            host_header?: string;
            /**
             * @description False: any certificate of an https origin is taken.
             * @default true
             */
            is_tls_verified?: boolean;
            /**
             * @description For TCP and TLS together.
             * @default 5
             */
            connect_timeout_seconds?: number;
            /**
             * @description For the whole header of an answer, then between any two parts of its body.
             * @default 30
             */
            read_timeout_seconds?: number;
            /**
             * @description Null: none.
             * @default null
             */
            health_check?: components["schemas"]["HealthCheckInput"] | null;
            /**
             * @description `other`: any S3, at s3_storage_hostname.
             * @enum {string}
             */
            s3_type?: "aws" | "other";
            /**
             * @description How the bucket is named in requests. Default: virtual for aws, path for other.
             * @enum {string}
             */
            s3_style?: "path" | "virtual";
            s3_region?: string;
            s3_bucket_name?: string;
            /** @description Where another S3 than AWS listens: host, optional :port. */
            s3_storage_hostname?: string;
            s3_access_key_id?: string;
            /** @description Kept encrypted and never read back. */
            s3_secret_key?: string;
        };
        /**
         * @example {
         *       "weight": 5,
         *       "read_timeout_seconds": 60
         *     }
         */
        OriginPatch: {
            /** @description http:// or https:// and a host, with an optional port. Of S3 origins, made from the others. */
            url?: string;
            /** @description A name of your own. Default: origin-1, origin-2 … */
            label?: string;
            /**
             * @description `http` is read as `custom`.
             * @enum {string}
             */
            type?: "custom" | "http" | "s3";
            /**
             * @description How misses are spread: `failover` asks the primary one first, `round_robin` each in turn, `weighted` by weight, `consistent_hash` gives each URL its origin. The same for all origins of a distribution.
             * @enum {string}
             */
            load_balancer_type?: "failover" | "round_robin" | "weighted" | "consistent_hash";
            /** @description Must agree with the URL. */
            port?: number;
            /**
             * @description Must agree with the URL.
             * @enum {string}
             */
            protocol?: "http" | "https";
            /** @description Default: true for the first origin of a distribution. */
            is_primary?: boolean;
            /** @description Its share with `weighted`, against the others' weights. */
            weight?: number;
            host_header?: string | null;
            /** @description False: any certificate of an https origin is taken. */
            is_tls_verified?: boolean;
            /** @description For TCP and TLS together. */
            connect_timeout_seconds?: number;
            /** @description For the whole header of an answer, then between any two parts of its body. */
            read_timeout_seconds?: number;
            /** @description Null: none. */
            health_check?: components["schemas"]["HealthCheckInput"] | null;
            /**
             * @description `other`: any S3, at s3_storage_hostname.
             * @enum {string}
             */
            s3_type?: "aws" | "other";
            s3_style?: ("path" | "virtual") | null;
            s3_region?: string;
            s3_bucket_name?: string;
            /** @description Where another S3 than AWS listens: host, optional :port. */
            s3_storage_hostname?: string;
            s3_access_key_id?: string;
            /** @description Kept encrypted and never read back. */
            s3_secret_key?: string;
        };
        /**
         * @example {
         *       "current_password": "correct-horse-1",
         *       "new_password": "battery-staple-2"
         *     }
         */
        PasswordChange: {
            /** @description Left out only by who has none yet. */
            current_password?: string;
            /** @description A letter and a digit, 8 characters or more, up to 72 bytes. */
            new_password: string;
        };
        /**
         * @example {
         *       "email": "ada@example.com"
         *     }
         */
        PasswordForgotten: {
            /** @description By RFC 5322. An international domain may be written either way, and is kept in ASCII. */
            email: string;
        };
        /**
         * @example {
         *       "token": "Q2hvb3NlIGEgdG9rZW4gdGhhdCBub2JvZHkgZ3Vlc3M",
         *       "password": "battery-staple-2"
         *     }
         */
        PasswordReset: {
            token: string;
            /** @description A letter and a digit, 8 characters or more, up to 72 bytes. */
            password: string;
        };
        /**
         * @example {
         *       "id": "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d",
         *       "name": "frankfurt"
         *     }
         */
        PointOfPresence: {
            /** Format: uuid */
            id: string;
            name: string;
        };
        /**
         * @example {
         *       "id": "5b1e9d0c-3a7f-4c82-9e64-1f2d3c4b5a69",
         *       "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "urls": [
         *         "https://www.example.com/film.mp4",
         *         "https://www.example.com/index.html"
         *       ],
         *       "status": "pending",
         *       "created_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "created_at": "2026-11-21T12:00:00.000Z"
         *     }
         */
        Prefetch: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @description What each edge asks for, as edges spell it. */
            urls: string[];
            /**
             * @description Each edge that is there fetches them once, in its own time; its log says what came of it.
             * @constant
             */
            status: "pending";
            created_by: string | null;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "urls": [
         *         "https://www.example.com/film.mp4",
         *         "/index.html"
         *       ]
         *     }
         */
        PrefetchInput: {
            /** @description Whole URLs on hosts of the distribution, or from `/` on its first host: over HTTPS where it has a certificate. A fragment is dropped. */
            urls: string[];
        };
        /**
         * @description What is left out stays as it is; null empties a field.
         * @example {
         *       "name": "Ada Lovelace",
         *       "bio": "Notes on the Analytical Engine.",
         *       "avatar_url": "https://example.com/ada.png"
         *     }
         */
        ProfileInput: {
            username?: string;
            /** @description Another address is to be confirmed again. */
            email?: string;
            /** @description To be given with another e-mail address. */
            password?: string;
            name?: string | null;
            bio?: string | null;
            avatar_url?: string | null;
        };
        /**
         * @example {
         *       "name": "tm_swift",
         *       "is_configured": true,
         *       "is_enabled": true,
         *       "base_url": "https://base-api.swiftfederation.com",
         *       "delivery_url": "https://cdn-api.swiftfederation.com",
         *       "customer_id": "16939",
         *       "paths": {
         *         "volume": "/v1.1/report/volume"
         *       },
         *       "is_healthy": true,
         *       "checked_at": "2026-03-01T12:00:00.000Z",
         *       "error": null,
         *       "statistics_synced_at": "2026-03-01T12:00:00.000Z",
         *       "statistics_error": null,
         *       "updated_at": "2026-03-01T09:30:00.000Z"
         *     }
         */
        Provider: {
            /**
             * @description `gotipath`: our own edges.
             * @enum {string}
             */
            name: "gotipath" | "gcore" | "tm_swift";
            is_configured: boolean;
            is_enabled: boolean;
            base_url: string | null;
            delivery_url: string | null;
            customer_id: string | null;
            paths: {
                [key: string]: string;
            };
            /** @description null: nobody has looked since it was changed. */
            is_healthy: boolean | null;
            checked_at: string | null;
            /** @description In words, why it is not healthy. */
            error: string | null;
            statistics_synced_at: string | null;
            /** @description In words, what could not be taken over the last time. */
            statistics_error: string | null;
            updated_at: string | null;
        };
        /**
         * @example {
         *       "key_id": "6vE59B1z4p174N25",
         *       "key_secret": "28G5nC2zw143m25026n9H11PwNYs4576",
         *       "customer_id": "16939"
         *     }
         */
        ProviderInput: {
            /** @default true */
            is_enabled?: boolean;
            /** @description gcore: the permanent API token. Never read back. */
            api_token?: string;
            /** @description tm_swift: the access key's id. */
            key_id?: string;
            /** @description tm_swift: the access key's secret. Never read back. */
            key_secret?: string;
            /** @description tm_swift: who we are there. */
            customer_id?: string;
            /** @description Where it is asked, when it is not where it says that it is. */
            base_url?: string;
            /** @description tm_swift: where its delivery API is, which has the statistics. */
            delivery_url?: string;
            /** @description Paths that are not as documented, by name: gcore has statistics, check; tm_swift volume, hit_volume, hit_requests, origin_codes, check. */
            paths?: {
                [key: string]: string;
            };
        };
        /**
         * @example {
         *       "id": "0f9b9c1a-3f6e-4b53-9a41-0c9d2f7e5a10",
         *       "provider": "gcore",
         *       "resource": "695503",
         *       "distribution_id": "5b0a3f1e-7f0e-4c52-9f7e-2d9f3c1a6b77",
         *       "account_id": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
         *       "since": "2026-03-01T12:00:00.000Z",
         *       "until": null,
         *       "synced_until": "2026-03-08T09:15:00.000Z",
         *       "error": null,
         *       "created_at": "2026-03-01T12:01:10.000Z"
         *     }
         */
        ProviderLink: {
            /** Format: uuid */
            id: string;
            /** @enum {string} */
            provider: "gcore" | "tm_swift";
            resource: string;
            /** Format: uuid */
            distribution_id: string;
            /** Format: uuid */
            account_id: string;
            /** Format: date-time */
            since: string;
            /** @description null: until further notice. */
            until: string | null;
            /** @description Up to here its statistics were taken over. */
            synced_until: string | null;
            /** @description In words, why the last synchronisation left it out. */
            error: string | null;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "distribution_id": "5b0a3f1e-7f0e-4c52-9f7e-2d9f3c1a6b77"
         *     }
         */
        ProviderLinkInput: {
            /** Format: uuid */
            distribution_id: string;
            /**
             * Format: date-time
             * @description From when on its traffic is the distribution's: up to 60 days ago. Now, if it is not said.
             */
            since?: string;
        };
        /**
         * @example {
         *       "id": "7d2f4c1a-9b3e-4f60-8a15-c0d9e8f7a6b5",
         *       "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "type": "urls",
         *       "count": 2,
         *       "status": "done",
         *       "created_by": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "created_at": "2026-11-21T12:00:00.000Z",
         *       "done_at": "2026-11-21T12:00:00.000Z",
         *       "items": [
         *         "/news?page=2",
         *         "/index.html"
         *       ],
         *       "providers": [
         *         {
         *           "name": "gotipath",
         *           "status": "done"
         *         }
         *       ],
         *       "edges": [
         *         {
         *           "edge_id": "6f1d8a52-7c39-4b0e-9a64-2f5e83c1d7b0",
         *           "edge": "fra-1",
         *           "group_id": "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d",
         *           "group": "frankfurt",
         *           "state": "done",
         *           "reason": null,
         *           "since": "2026-11-21T12:00:00.000Z"
         *         }
         *       ]
         *     }
         */
        Purge: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @enum {string} */
            type: "urls" | "prefixes" | "tags" | "all";
            /** @description How many urls, prefixes or tags; 1 for all. */
            count: number;
            /**
             * @description `pending`: not on its way yet. `purging`: some edge that answers does not have it yet. `done`: nothing older is served by any of them; one that is away catches up before it serves. `failed`: an edge refused it.
             * @enum {string}
             */
            status: "pending" | "purging" | "done" | "failed";
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            /** Format: date-time */
            created_at: string;
            /** @description When the last edge had it. */
            done_at: string | null;
            /** @description What is purged as edges spell it: URLs without their host, prefixes or tags; empty for all. */
            items: string[];
            providers: {
                /** @enum {string} */
                name: "gotipath" | "gcore" | "tm_swift";
                /**
                 * @description `pending`: not on its way yet. `purging`: some edge that answers does not have it yet. `done`: nothing older is served by any of them; one that is away catches up before it serves. `failed`: an edge refused it.
                 * @enum {string}
                 */
                status: "pending" | "purging" | "done" | "failed";
            }[];
            edges: {
                /** Format: uuid */
                edge_id: string;
                edge: string;
                /** Format: uuid */
                group_id: string;
                group: string;
                /**
                 * @description `unseen`: no report for a minute; it holds nobody up.
                 * @enum {string}
                 */
                state: "done" | "waiting" | "refused" | "unseen";
                /** @description Why it was refused. */
                reason: string | null;
                /**
                 * Format: date-time
                 * @description Done: at the latest. Waiting: when it was told. Unseen: when it was last seen.
                 */
                since: string;
            }[];
        };
        /**
         * @example {
         *       "urls": [
         *         "https://www.example.com/news?page=2",
         *         "/index.html"
         *       ]
         *     }
         * @example {
         *       "prefixes": [
         *         "/pictures/"
         *       ]
         *     }
         * @example {
         *       "tags": [
         *         "article-17"
         *       ]
         *     }
         * @example {
         *       "all": true
         *     }
         */
        PurgeInput: {
            /** @description Whole URLs on hosts of the distribution, or from `/`. Without a query: the path with any query. A fragment is dropped. */
            urls?: string[];
            /** @description Paths from `/` to `/`: everything below them. */
            prefixes?: string[];
            /** @description What origins say in `Cache-Tag` or `Surrogate-Key`; upper and lower case differ. */
            tags?: string[];
            /**
             * @description Everything that is cached of the distribution.
             * @constant
             */
            all?: true;
        };
        /**
         * @example {
         *       "month": "2026-11",
         *       "source": "account",
         *       "cuts_off": true,
         *       "cut_off_at": null,
         *       "requests": {
         *         "limit": null,
         *         "used": 48210221
         *       },
         *       "bytes": {
         *         "limit": 10000000000000,
         *         "used": 8120448312000
         *       }
         *     }
         */
        Quota: {
            /** @description In UTC. */
            month: string;
            /**
             * @description `account`: an operator has set it. `default`: it comes with the role of the account's owners.
             * @enum {string}
             */
            source: "account" | "default";
            requests: {
                limit: number | null;
                /** @description In the running month, as far as edges have sent it. Above 2^53 the last digits are rounded. */
                used: number;
            };
            bytes: {
                limit: number | null;
                /** @description In the running month, as far as edges have sent it. Above 2^53 the last digits are rounded. */
                used: number;
            };
            /** @description True: over it, all distributions of the account answer 503, until the quota is raised or the month is over. */
            cuts_off: boolean;
            /** @description Since when the account's distributions answer 503; null: they do not. */
            cut_off_at: string | null;
        };
        /**
         * @example {
         *       "requests": null,
         *       "bytes": 10000000000000,
         *       "cuts_off": true
         *     }
         */
        QuotaInput: {
            /** @description In a month (in UTC). Null: as much as they like. */
            requests: number | null;
            /** @description In a month (in UTC). Null: as much as they like. */
            bytes: number | null;
            /**
             * @description True: over it, all distributions of the account answer 503, until the quota is raised or the month is over.
             * @default false
             */
            cuts_off?: boolean;
        };
        /**
         * @example {
         *       "account_id": "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11",
         *       "requests": null,
         *       "bytes": 10000000000000,
         *       "cuts_off": true
         *     }
         */
        QuotaSet: {
            /** Format: uuid */
            account_id: string;
            /** @description In a month (in UTC). Null: as much as they like. */
            requests: number | null;
            /** @description In a month (in UTC). Null: as much as they like. */
            bytes: number | null;
            /** @description True: over it, all distributions of the account answer 503, until the quota is raised or the month is over. */
            cuts_off: boolean;
        };
        /**
         * @example {
         *       "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *       "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "position": 1,
         *       "created_by": null,
         *       "updated_by": null,
         *       "created_at": "2026-01-15T09:30:00.000Z",
         *       "updated_at": "2026-01-15T09:30:00.000Z",
         *       "paths": [
         *         "/login"
         *       ],
         *       "requests": 10,
         *       "per_seconds": 60,
         *       "burst": 5,
         *       "description": "Guessing passwords"
         *     }
         */
        RateLimit: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @description From 1, among the rules of its kind. */
            position: number;
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths: string[];
            /** @description Of one viewer address, on one edge. */
            requests: number;
            /** @description The time that `requests` are counted in. */
            per_seconds: number;
            /** @description So many more may come at once. */
            burst: number;
            description: string;
        };
        /**
         * @example {
         *       "paths": [
         *         "/login"
         *       ],
         *       "requests": 10,
         *       "per_seconds": 60,
         *       "burst": 5,
         *       "description": "Guessing passwords"
         *     }
         */
        RateLimitInput: {
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /** @description Of one viewer address, on one edge. */
            requests: number;
            /** @description The time that `requests` are counted in. */
            per_seconds: number;
            /**
             * @description So many more may come at once.
             * @default 0
             */
            burst?: number;
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        };
        /**
         * @example {
         *       "paths": [
         *         "/login"
         *       ],
         *       "requests": 10,
         *       "per_seconds": 60,
         *       "burst": 5,
         *       "description": "Guessing passwords"
         *     }
         * @example {
         *       "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *       "paths": [
         *         "/login"
         *       ],
         *       "requests": 10,
         *       "per_seconds": 60,
         *       "burst": 5,
         *       "description": "Guessing passwords"
         *     }
         */
        RateLimitItem: {
            /**
             * @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.
             * @default []
             */
            paths?: string[];
            /** @description Of one viewer address, on one edge. */
            requests: number;
            /** @description The time that `requests` are counted in. */
            per_seconds: number;
            /**
             * @description So many more may come at once.
             * @default 0
             */
            burst?: number;
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /**
             * Format: uuid
             * @description Of a rule that stays, perhaps changed. Without one it is a new rule.
             */
            id?: string;
        };
        /**
         * @example {
         *       "data": [
         *         {
         *           "paths": [
         *             "/login"
         *           ],
         *           "requests": 10,
         *           "per_seconds": 60,
         *           "burst": 5,
         *           "description": "Guessing passwords"
         *         }
         *       ]
         *     }
         */
        RateLimitList: {
            data: components["schemas"]["RateLimitItem"][];
        };
        /**
         * @example {
         *       "position": 1,
         *       "description": "Comes first"
         *     }
         */
        RateLimitPatch: {
            /** @description Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path. */
            paths?: string[];
            /** @description Of one viewer address, on one edge. */
            requests?: number;
            /** @description The time that `requests` are counted in. */
            per_seconds?: number;
            /** @description So many more may come at once. */
            burst?: number;
            /** @description A note of your own. */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        };
        /**
         * @example {
         *       "user": {
         *         "id": "0b1f6a0e-5c0e-4a53-9a4b-0d1a4f2f6c55",
         *         "username": "ada",
         *         "email": "ada@example.com",
         *         "email_verified": true,
         *         "name": "Ada Lovelace",
         *         "bio": null,
         *         "avatar_url": null,
         *         "platform_role": "user",
         *         "created_at": "2026-03-01T12:00:00.000Z"
         *       },
         *       "account_id": "6f1d3c52-2f1d-4a86-8b5e-9b6a0c0f7a11",
         *       "account_role": "owner"
         *     }
         */
        Recognised: {
            user: components["schemas"]["User"];
            /** Format: uuid */
            account_id: string;
            /** @enum {string} */
            account_role: "viewer" | "editor" | "admin" | "owner";
        };
        /**
         * @description Shown this once; each is good once.
         * @example {
         *       "recovery_codes": [
         *         "k5qx-2v3n-m7ab-c4de"
         *       ]
         *     }
         */
        RecoveryCodes: {
            recovery_codes: string[];
        };
        /**
         * @example {
         *       "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *       "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "position": 1,
         *       "created_by": null,
         *       "updated_by": null,
         *       "created_at": "2026-01-15T09:30:00.000Z",
         *       "updated_at": "2026-01-15T09:30:00.000Z",
         *       "source": "/blog/*",
         *       "target": "https://blog.example.com/:splat",
         *       "status": 301,
         *       "is_query_kept": true,
         *       "description": "The blog has a host of its own"
         *     }
         */
        Redirect: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            distribution_id: string;
            /** @description From 1, among the rules of its kind. */
            position: number;
            /** @description Whose doing it was; null: the platform's. */
            created_by: string | null;
            updated_by: string | null;
            created_at: string;
            updated_at: string;
            source: string;
            target: string;
            /** @description 301 and 308 are kept by browsers; 307 and 308 keep the method. */
            status: 301 | 302 | 303 | 307 | 308;
            is_query_kept: boolean;
            description: string;
        };
        /**
         * @example {
         *       "source": "/blog/*",
         *       "target": "https://blog.example.com/:splat",
         *       "status": 301,
         *       "is_query_kept": true,
         *       "description": "The blog has a host of its own"
         *     }
         */
        RedirectInput: {
            /** @description A path, or everything below one: `/old/*`. */
            source: string;
            /** @description A path, or a URL of http or https. `:splat` in it is what the `*` of the source stood for. */
            target: string;
            /**
             * @description 301 and 308 are kept by browsers; 307 and 308 keep the method.
             * @default 301
             */
            status?: 301 | 302 | 303 | 307 | 308;
            /**
             * @description True: the viewer's query is appended.
             * @default true
             */
            is_query_kept?: boolean;
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        };
        /**
         * @example {
         *       "source": "/blog/*",
         *       "target": "https://blog.example.com/:splat",
         *       "status": 301,
         *       "is_query_kept": true,
         *       "description": "The blog has a host of its own"
         *     }
         * @example {
         *       "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *       "source": "/blog/*",
         *       "target": "https://blog.example.com/:splat",
         *       "status": 301,
         *       "is_query_kept": true,
         *       "description": "The blog has a host of its own"
         *     }
         */
        RedirectItem: {
            /** @description A path, or everything below one: `/old/*`. */
            source: string;
            /** @description A path, or a URL of http or https. `:splat` in it is what the `*` of the source stood for. */
            target: string;
            /**
             * @description 301 and 308 are kept by browsers; 307 and 308 keep the method.
             * @default 301
             */
            status?: 301 | 302 | 303 | 307 | 308;
            /**
             * @description True: the viewer's query is appended.
             * @default true
             */
            is_query_kept?: boolean;
            /**
             * @description A note of your own.
             * @default
             */
            description?: string;
            /**
             * Format: uuid
             * @description Of a rule that stays, perhaps changed. Without one it is a new rule.
             */
            id?: string;
        };
        /**
         * @example {
         *       "data": [
         *         {
         *           "source": "/blog/*",
         *           "target": "https://blog.example.com/:splat",
         *           "status": 301,
         *           "is_query_kept": true,
         *           "description": "The blog has a host of its own"
         *         }
         *       ]
         *     }
         */
        RedirectList: {
            data: components["schemas"]["RedirectItem"][];
        };
        /**
         * @example {
         *       "position": 1,
         *       "description": "Comes first"
         *     }
         */
        RedirectPatch: {
            /** @description A path, or everything below one: `/old/*`. */
            source?: string;
            /** @description A path, or a URL of http or https. `:splat` in it is what the `*` of the source stood for. */
            target?: string;
            /** @description 301 and 308 are kept by browsers; 307 and 308 keep the method. */
            status?: 301 | 302 | 303 | 307 | 308;
            /** @description True: the viewer's query is appended. */
            is_query_kept?: boolean;
            /** @description A note of your own. */
            description?: string;
            /** @description Where it stands among the rules of its kind, from 1. Default: the end. */
            position?: number;
        };
        /**
         * @example {
         *       "user": {
         *         "id": "0b1f6a0e-5c0e-4a53-9a4b-0d1a4f2f6c55",
         *         "username": "ada",
         *         "email": "ada@example.com",
         *         "email_verified": true,
         *         "name": "Ada Lovelace",
         *         "bio": null,
         *         "avatar_url": null,
         *         "platform_role": "user",
         *         "created_at": "2026-03-01T12:00:00.000Z"
         *       },
         *       "account": {
         *         "id": "6f1d3c52-2f1d-4a86-8b5e-9b6a0c0f7a11",
         *         "name": "ada",
         *         "created_at": "2026-03-01T12:00:00.000Z"
         *       },
         *       "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.c2ln",
         *       "expires_at": "2026-03-02T12:00:00.000Z"
         *     }
         */
        Registered: {
            user: components["schemas"]["User"];
            account: components["schemas"]["Account"];
            token: string;
            expires_at: string;
        };
        /**
         * @example {
         *       "username": "ada",
         *       "email": "ada@example.com",
         *       "password": "correct-horse-1"
         *     }
         */
        Registration: {
            username: string;
            /** @description By RFC 5322. An international domain may be written either way, and is kept in ASCII. */
            email: string;
            /** @description A letter and a digit, 8 characters or more, up to 72 bytes. */
            password: string;
        };
        /**
         * @example {
         *       "version": 1
         *     }
         */
        RollbackInput: {
            /** @description Its configuration becomes a new version. */
            version: number;
        };
        /**
         * @example {
         *       "id": "5c8f9f8e-92c9-4a5e-9f65-0f9f6f7f2d10",
         *       "is_current": true,
         *       "method": "password",
         *       "client_address": "192.0.2.1",
         *       "user_agent": "curl/8.5.0",
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "expires_at": "2026-03-02T12:00:00.000Z"
         *     }
         */
        Session: {
            /** Format: uuid */
            id: string;
            /** @description The one of the token that asks. */
            is_current: boolean;
            /**
             * @description How the person proved who they are.
             * @enum {string}
             */
            method: "password" | "ethereum" | "openid" | "command";
            client_address: string | null;
            user_agent: string | null;
            created_at: string;
            expires_at: string;
        };
        /**
         * @example {
         *       "reason": "Your invoices are overdue."
         *     }
         */
        Suspension: {
            /**
             * @description The person reads it.
             * @default null
             */
            reason?: string | null;
        };
        /**
         * @example {
         *       "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.c2ln",
         *       "expires_at": "2026-03-02T12:00:00.000Z"
         *     }
         */
        Token: {
            token: string;
            expires_at: string;
        };
        /**
         * @example {
         *       "from": "2026-05-01T00:00:00.000Z",
         *       "to": "2026-05-02T00:00:00.000Z",
         *       "by": "url",
         *       "order_by": "requests",
         *       "total": {
         *         "requests": 48210,
         *         "bytes": 9120448312
         *       },
         *       "missing_requests_max": 0,
         *       "data": [
         *         {
         *           "value": "www.example.com/index.html",
         *           "requests": 12052,
         *           "bytes": 301300000,
         *           "share": 0.249989
         *         }
         *       ]
         *     }
         */
        TopReport: {
            /** Format: date-time */
            from: string;
            /** Format: date-time */
            to: string;
            /** @enum {string} */
            by: "url" | "referrer" | "user_agent" | "error" | "host" | "country" | "status" | "status_class" | "cache_status" | "protocol" | "content_kind" | "edge" | "provider" | "distribution";
            /** @enum {string} */
            order_by: "requests" | "bytes";
            /** @description Of all values, in the list or not. Above 2^53 the last digits are rounded. */
            total: {
                requests: number;
                bytes: number;
            };
            /** @description 0: every value was counted. Else, of the URLs of a whole account: one that is missing has at most so many requests more than the last of the list. The numbers of those that are listed are exact. */
            missing_requests_max: number;
            data: {
                /** @description Empty where there was none, such as no referrer. */
                value: string;
                requests: number;
                /** @description Sent to viewers. Above 2^53 the last digits are rounded. */
                bytes: number;
                /** @description Of the total, by what the list is ordered. */
                share: number;
            }[];
        };
        /**
         * @example {
         *       "enabled": true,
         *       "enabled_at": "2026-03-01T12:00:00.000Z",
         *       "recovery_codes_left": 10
         *     }
         */
        Totp: {
            enabled: boolean;
            enabled_at: string | null;
            recovery_codes_left: number;
        };
        /**
         * @example {
         *       "totp_code": "492039"
         *     }
         */
        TotpConfirmation: {
            totp_code: string;
        };
        /**
         * @description Shown this once. It counts when a code has been confirmed.
         * @example {
         *       "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
         *       "otpauth_uri": "otpauth://totp/Edgewright:ada?issuer=Edgewright&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
         *       "qr_svg": "<svg …></svg>"
         *     }
         */
        TotpEnrolled: {
            /** @description Base32, to be typed where no camera is. */
            secret: string;
            otpauth_uri: string;
            /** @description The same as a picture. */
            qr_svg: string;
        };
        /**
         * @example {
         *       "password": "correct-horse-1"
         *     }
         */
        TotpEnrolment: {
            /** @description Left out only by who has none. */
            password?: string;
        };
        /**
         * @example {
         *       "password": "correct-horse-1",
         *       "totp_code": "492039"
         *     }
         */
        TotpOwner: {
            /** @description Left out only by who has none. */
            password?: string;
            /** @description What the authenticator shows. */
            totp_code?: string;
            /** @description Instead of a code, when the authenticator is lost. */
            recovery_code?: string;
        };
        /**
         * @example {
         *       "from": "2026-05-01T00:00:00.000Z",
         *       "to": "2026-05-02T00:00:00.000Z",
         *       "interval": "hour",
         *       "timezone": "UTC",
         *       "data": [
         *         {
         *           "time": "2026-05-01T00:00:00.000Z",
         *           "requests": 48210,
         *           "bytes": 9120448312,
         *           "hits": 45799,
         *           "hit_ratio": 0.95
         *         }
         *       ],
         *       "total": {
         *         "requests": 48210,
         *         "bytes": 9120448312,
         *         "hits": 45799,
         *         "hit_ratio": 0.95
         *       }
         *     }
         */
        TrafficReport: {
            /** Format: date-time */
            from: string;
            /** Format: date-time */
            to: string;
            /** @enum {string} */
            interval: "minute" | "5minutes" | "hour" | "day" | "month";
            timezone: string;
            data: {
                /**
                 * Format: date-time
                 * @description The beginning of the interval.
                 */
                time: string;
                account_id?: string;
                distribution_id?: string;
                edge_id?: string;
                provider?: string;
                /** @description Empty: not known. */
                country?: string;
                status?: string;
                status_class?: string;
                cache_status?: string;
                protocol?: string;
                content_kind?: string;
                host?: string;
                requests?: number;
                /** @description Sent to viewers. Above 2^53 the last digits are rounded. */
                bytes?: number;
                /** @description Bits per second sent to viewers, over the time that has passed. Above 2^53 the last digits are rounded. */
                bandwidth?: number;
                /** @description Received from viewers. Above 2^53 the last digits are rounded. */
                bytes_in?: number;
                hits?: number;
                /** @description Of requests; 0 where there were none. */
                hit_ratio?: number;
                /** @description Of bytes; 0 where there were none. */
                byte_hit_ratio?: number;
                status_1xx?: number;
                status_2xx?: number;
                status_3xx?: number;
                status_4xx?: number;
                status_5xx?: number;
                /** @description Answers with a status from 500 on. */
                errors?: number;
                /** @description 0 where there were no requests. */
                error_rate?: number;
                /** @description For which an origin was asked. */
                origin_requests?: number;
                /** @description Received from origins. Above 2^53 the last digits are rounded. */
                origin_bytes?: number;
                /** @description In milliseconds, within 3.125 %; null where there were no requests. */
                ttfb_p50?: number | null;
                /** @description In milliseconds, within 3.125 %; null where there were no requests. */
                ttfb_p95?: number | null;
                /** @description In milliseconds, within 3.125 %; null where there were no requests. */
                ttfb_p99?: number | null;
                /** @description Addresses that asked, within 1.2 % as a rule. They are hashed anew each day of UTC: who comes on two days counts twice. */
                visitors?: number;
            }[];
            /** @description With group_by: each over the whole period, the largest first, what is left last. */
            groups?: {
                account_id?: string;
                distribution_id?: string;
                edge_id?: string;
                provider?: string;
                /** @description Empty: not known. */
                country?: string;
                status?: string;
                status_class?: string;
                cache_status?: string;
                protocol?: string;
                content_kind?: string;
                host?: string;
                requests?: number;
                /** @description Sent to viewers. Above 2^53 the last digits are rounded. */
                bytes?: number;
                /** @description Bits per second sent to viewers, over the time that has passed. Above 2^53 the last digits are rounded. */
                bandwidth?: number;
                /** @description Received from viewers. Above 2^53 the last digits are rounded. */
                bytes_in?: number;
                hits?: number;
                /** @description Of requests; 0 where there were none. */
                hit_ratio?: number;
                /** @description Of bytes; 0 where there were none. */
                byte_hit_ratio?: number;
                status_1xx?: number;
                status_2xx?: number;
                status_3xx?: number;
                status_4xx?: number;
                status_5xx?: number;
                /** @description Answers with a status from 500 on. */
                errors?: number;
                /** @description 0 where there were no requests. */
                error_rate?: number;
                /** @description For which an origin was asked. */
                origin_requests?: number;
                /** @description Received from origins. Above 2^53 the last digits are rounded. */
                origin_bytes?: number;
                /** @description In milliseconds, within 3.125 %; null where there were no requests. */
                ttfb_p50?: number | null;
                /** @description In milliseconds, within 3.125 %; null where there were no requests. */
                ttfb_p95?: number | null;
                /** @description In milliseconds, within 3.125 %; null where there were no requests. */
                ttfb_p99?: number | null;
                /** @description Addresses that asked, within 1.2 % as a rule. They are hashed anew each day of UTC: who comes on two days counts twice. */
                visitors?: number;
            }[];
            /** @description Over the whole period and all groups. */
            total: {
                requests?: number;
                /** @description Sent to viewers. Above 2^53 the last digits are rounded. */
                bytes?: number;
                /** @description Bits per second sent to viewers, over the time that has passed. Above 2^53 the last digits are rounded. */
                bandwidth?: number;
                /** @description Received from viewers. Above 2^53 the last digits are rounded. */
                bytes_in?: number;
                hits?: number;
                /** @description Of requests; 0 where there were none. */
                hit_ratio?: number;
                /** @description Of bytes; 0 where there were none. */
                byte_hit_ratio?: number;
                status_1xx?: number;
                status_2xx?: number;
                status_3xx?: number;
                status_4xx?: number;
                status_5xx?: number;
                /** @description Answers with a status from 500 on. */
                errors?: number;
                /** @description 0 where there were no requests. */
                error_rate?: number;
                /** @description For which an origin was asked. */
                origin_requests?: number;
                /** @description Received from origins. Above 2^53 the last digits are rounded. */
                origin_bytes?: number;
                /** @description In milliseconds, within 3.125 %; null where there were no requests. */
                ttfb_p50?: number | null;
                /** @description In milliseconds, within 3.125 %; null where there were no requests. */
                ttfb_p95?: number | null;
                /** @description In milliseconds, within 3.125 %; null where there were no requests. */
                ttfb_p99?: number | null;
                /** @description Addresses that asked, within 1.2 % as a rule. They are hashed anew each day of UTC: who comes on two days counts twice. */
                visitors?: number;
            };
            /** @description Where it stands, edges that carry what is asked about, or have carried it, lost so many lines of the period before they were counted (a disk was full), of whichever account: numbers may be too low by some of them. */
            lost_lines?: number;
        };
        /**
         * @example {
         *       "month": "2026-10",
         *       "status": "closed",
         *       "counted_until": "2026-11-01T00:00:00.000Z",
         *       "closed_at": "2026-11-04T00:10:02.113Z",
         *       "requests": 48210,
         *       "bytes": 9120448312,
         *       "bytes_in": 14463000,
         *       "hits": 45799,
         *       "hit_ratio": 0.94999,
         *       "byte_hit_ratio": 0.961,
         *       "origin_requests": 2411,
         *       "origin_bytes": 355697484,
         *       "bandwidth_p95": 81447936,
         *       "bytes_by_region": {
         *         "africa": 0,
         *         "asia": 120448312,
         *         "europe": 9000000000,
         *         "middle_east": 0,
         *         "north_america": 0,
         *         "oceania": 0,
         *         "south_america": 0,
         *         "other": 0
         *       },
         *       "days": [
         *         {
         *           "date": "2026-10-01",
         *           "requests": 48210,
         *           "bytes": 9120448312,
         *           "bytes_in": 14463000,
         *           "hits": 45799,
         *           "hit_ratio": 0.94999,
         *           "byte_hit_ratio": 0.961,
         *           "origin_requests": 2411,
         *           "origin_bytes": 355697484
         *         }
         *       ],
         *       "distributions": [
         *         {
         *           "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *           "domain": "www.example.com",
         *           "requests": 48210,
         *           "bytes": 9120448312,
         *           "bytes_in": 14463000,
         *           "hits": 45799,
         *           "hit_ratio": 0.94999,
         *           "byte_hit_ratio": 0.961,
         *           "origin_requests": 2411,
         *           "origin_bytes": 355697484
         *         }
         *       ]
         *     }
         */
        UsageDetails: {
            /** @description In UTC. */
            month: string;
            /**
             * @description `open`: it is not over; or it was closed for others, and this account's figures do not add up yet. `closing`: it is over, and edges may still send lines of it. `closed`: the figures are final.
             * @enum {string}
             */
            status: "open" | "closing" | "closed";
            /**
             * Format: date-time
             * @description What happened before is in it, as far as edges have sent it.
             */
            counted_until: string;
            closed_at: string | null;
            requests: number;
            /** @description Sent to viewers, headers too. Above 2^53 the last digits are rounded. */
            bytes: number;
            /** @description Received from viewers. Above 2^53 the last digits are rounded. */
            bytes_in: number;
            /** @description Requests that were served from the cache. */
            hits: number;
            /** @description Of the requests; 0 where there were none. */
            hit_ratio: number;
            /** @description Of the bytes; 0 where there were none. */
            byte_hit_ratio: number;
            origin_requests: number;
            /** @description Received from the origins. Above 2^53 the last digits are rounded. */
            origin_bytes: number;
            /** @description By where the edges stood that sent them; `other` where nobody said, and other providers. Above 2^53 the last digits are rounded. */
            bytes_by_region: {
                [key: string]: number;
            };
            /** @description Bits per second: the 95th percentile of the five-minute averages. Of all five minutes of the month so far, those without traffic too, the highest 5 % (rounded down to whole ones) are left out; this is the highest of the others. Null: the minutes were not kept any more when the month was closed. */
            bandwidth_p95: number | null;
            /** @description Every day so far. */
            days: {
                /**
                 * Format: date
                 * @description In UTC.
                 */
                date: string;
                requests: number;
                /** @description Sent to viewers, headers too. Above 2^53 the last digits are rounded. */
                bytes: number;
                /** @description Received from viewers. Above 2^53 the last digits are rounded. */
                bytes_in: number;
                /** @description Requests that were served from the cache. */
                hits: number;
                /** @description Of the requests; 0 where there were none. */
                hit_ratio: number;
                /** @description Of the bytes; 0 where there were none. */
                byte_hit_ratio: number;
                origin_requests: number;
                /** @description Received from the origins. Above 2^53 the last digits are rounded. */
                origin_bytes: number;
            }[];
            /** @description Also those that were deleted; the largest first. */
            distributions: {
                /** @description Null: what is left of more than 5,000, added up. */
                distribution_id: string | null;
                domain: string | null;
                requests: number;
                /** @description Sent to viewers, headers too. Above 2^53 the last digits are rounded. */
                bytes: number;
                /** @description Received from viewers. Above 2^53 the last digits are rounded. */
                bytes_in: number;
                /** @description Requests that were served from the cache. */
                hits: number;
                /** @description Of the requests; 0 where there were none. */
                hit_ratio: number;
                /** @description Of the bytes; 0 where there were none. */
                byte_hit_ratio: number;
                origin_requests: number;
                /** @description Received from the origins. Above 2^53 the last digits are rounded. */
                origin_bytes: number;
            }[];
        };
        /**
         * @example {
         *       "month": "2026-10",
         *       "status": "closed",
         *       "counted_until": "2026-11-01T00:00:00.000Z",
         *       "closed_at": "2026-11-04T00:10:02.113Z",
         *       "requests": 48210,
         *       "bytes": 9120448312,
         *       "bytes_in": 14463000,
         *       "hits": 45799,
         *       "hit_ratio": 0.94999,
         *       "byte_hit_ratio": 0.961,
         *       "origin_requests": 2411,
         *       "origin_bytes": 355697484,
         *       "bandwidth_p95": 81447936,
         *       "bytes_by_region": {
         *         "africa": 0,
         *         "asia": 120448312,
         *         "europe": 9000000000,
         *         "middle_east": 0,
         *         "north_america": 0,
         *         "oceania": 0,
         *         "south_america": 0,
         *         "other": 0
         *       }
         *     }
         */
        UsageMonth: {
            /** @description In UTC. */
            month: string;
            /**
             * @description `open`: it is not over; or it was closed for others, and this account's figures do not add up yet. `closing`: it is over, and edges may still send lines of it. `closed`: the figures are final.
             * @enum {string}
             */
            status: "open" | "closing" | "closed";
            /**
             * Format: date-time
             * @description What happened before is in it, as far as edges have sent it.
             */
            counted_until: string;
            closed_at: string | null;
            requests: number;
            /** @description Sent to viewers, headers too. Above 2^53 the last digits are rounded. */
            bytes: number;
            /** @description Received from viewers. Above 2^53 the last digits are rounded. */
            bytes_in: number;
            /** @description Requests that were served from the cache. */
            hits: number;
            /** @description Of the requests; 0 where there were none. */
            hit_ratio: number;
            /** @description Of the bytes; 0 where there were none. */
            byte_hit_ratio: number;
            origin_requests: number;
            /** @description Received from the origins. Above 2^53 the last digits are rounded. */
            origin_bytes: number;
            /** @description By where the edges stood that sent them; `other` where nobody said, and other providers. Above 2^53 the last digits are rounded. */
            bytes_by_region: {
                [key: string]: number;
            };
            /** @description Bits per second: the 95th percentile of the five-minute averages. Of all five minutes of the month so far, those without traffic too, the highest 5 % (rounded down to whole ones) are left out; this is the highest of the others. Null: the minutes were not kept any more when the month was closed. */
            bandwidth_p95: number | null;
        };
        /**
         * @example {
         *       "id": "0b1f6a0e-5c0e-4a53-9a4b-0d1a4f2f6c55",
         *       "username": "ada",
         *       "email": "ada@example.com",
         *       "email_verified": true,
         *       "name": "Ada Lovelace",
         *       "bio": null,
         *       "avatar_url": null,
         *       "platform_role": "user",
         *       "created_at": "2026-03-01T12:00:00.000Z"
         *     }
         */
        User: {
            /** Format: uuid */
            id: string;
            username: string;
            email: string | null;
            email_verified: boolean;
            name: string | null;
            bio: string | null;
            avatar_url: string | null;
            /** @enum {string} */
            platform_role: "user" | "premium" | "moderator" | "admin";
            created_at: string;
        };
        /**
         * @example {
         *       "id": "0b1f6a0e-5c0e-4a53-9a4b-0d1a4f2f6c55",
         *       "username": "ada",
         *       "email": "ada@example.com",
         *       "email_verified": true,
         *       "name": "Ada Lovelace",
         *       "bio": null,
         *       "avatar_url": null,
         *       "platform_role": "user",
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "suspended_at": null,
         *       "suspension_reason": null,
         *       "accounts": [
         *         {
         *           "id": "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11",
         *           "name": "Example Media",
         *           "role": "owner"
         *         }
         *       ]
         *     }
         */
        UserDetails: {
            /** Format: uuid */
            id: string;
            username: string;
            email: string | null;
            email_verified: boolean;
            name: string | null;
            bio: string | null;
            avatar_url: string | null;
            /** @enum {string} */
            platform_role: "user" | "premium" | "moderator" | "admin";
            created_at: string;
            suspended_at: string | null;
            suspension_reason: string | null;
            /** @description Where they belong: the latest hundred. */
            accounts: {
                /** Format: uuid */
                id: string;
                name: string;
                /** @enum {string} */
                role: "viewer" | "editor" | "admin" | "owner";
            }[];
        };
        /**
         * @example {
         *       "id": "0b1f6a0e-5c0e-4a53-9a4b-0d1a4f2f6c55",
         *       "username": "ada",
         *       "email": "ada@example.com",
         *       "email_verified": true,
         *       "name": "Ada Lovelace",
         *       "bio": null,
         *       "avatar_url": null,
         *       "platform_role": "user",
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "suspended_at": null,
         *       "suspension_reason": null
         *     }
         */
        UserOfPlatform: {
            /** Format: uuid */
            id: string;
            username: string;
            email: string | null;
            email_verified: boolean;
            name: string | null;
            bio: string | null;
            avatar_url: string | null;
            /** @enum {string} */
            platform_role: "user" | "premium" | "moderator" | "admin";
            created_at: string;
            suspended_at: string | null;
            suspension_reason: string | null;
        };
        /**
         * @example {
         *       "platform_role": "moderator"
         *     }
         */
        UserPatch: {
            /** @enum {string} */
            platform_role?: "user" | "premium" | "moderator" | "admin";
        };
        /**
         * @example {
         *       "distribution_id": "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
         *       "domain": "www.example.com",
         *       "status": "not_pointing",
         *       "detail": "www.example.com does not lead here: add the record that the check names.",
         *       "is_cname_valid": false,
         *       "is_acme_challenge_valid": false,
         *       "is_serving": true,
         *       "proof": "none",
         *       "renewal": "allowed",
         *       "checked_at": "2026-11-20T12:00:00.000Z",
         *       "next_check_at": "2026-11-20T12:01:00.000Z",
         *       "pointing_since": null,
         *       "away_since": null,
         *       "checks": [
         *         {
         *           "check": "pointing",
         *           "status": "failed",
         *           "detail": "There is no CNAME, and no address of an edge.",
         *           "expected": [
         *             "CNAME 6f1c2d3e4b5a.cdn.example.net"
         *           ],
         *           "found": [
         *             {
         *               "at": "192.0.2.53",
         *               "type": "CNAME",
         *               "name": "www.example.com",
         *               "values": [],
         *               "fault": null
         *             }
         *           ],
         *           "records_to_add": [
         *             {
         *               "type": "CNAME",
         *               "name": "www.example.com",
         *               "value": "6f1c2d3e4b5a.cdn.example.net"
         *             }
         *           ]
         *         }
         *       ]
         *     }
         */
        Validation: {
            /** Format: uuid */
            distribution_id: string;
            domain: string;
            /**
             * @description `valid`: all is well. `not_pointing`: the domain does not lead here. `not_served`: it is served for another account, until it is proven to be yours. `unreachable`: it leads here, but a certificate authority would not get its answer. `changing`: resolvers do not agree yet. `unknown`: nobody has looked yet, or no resolver answered.
             * @enum {string}
             */
            status: "valid" | "not_pointing" | "not_served" | "unreachable" | "changing" | "unknown";
            /** @description The same in words. */
            detail: string;
            is_cname_valid: boolean;
            is_acme_challenge_valid: boolean;
            /** @description False: the domain is served for another account. */
            is_serving: boolean;
            /**
             * @description What DNS proves: a CNAME to this distribution's own target counts more than a TXT token.
             * @enum {string}
             */
            proof: "none" | "token" | "cname";
            /**
             * @description `stopped`: it has been away for too long, or is another's; certificates are got again once it is back.
             * @enum {string}
             */
            renewal: "allowed" | "stopped";
            checked_at: string | null;
            /** @description Null: it needs no look. */
            next_check_at: string | null;
            pointing_since: string | null;
            away_since: string | null;
            checks: components["schemas"]["ValidationCheck"][];
        };
        ValidationCheck: {
            /**
             * @description `pointing`: the domain leads to the edges. `ownership`: DNS proves whose it is. `acme`: a certificate authority would be answered by the edges.
             * @enum {string}
             */
            check: "pointing" | "ownership" | "acme";
            /** @enum {string} */
            status: "passed" | "failed" | "unknown" | "not_needed";
            /** @description In words, with what to do. */
            detail: string;
            /** @description Any one of these would do. */
            expected: string[];
            found: components["schemas"]["ValidationFinding"][];
            /** @description Empty when there is nothing to mend in DNS. */
            records_to_add: components["schemas"]["DnsRecord"][];
        };
        ValidationFinding: {
            /** @description The resolver that said so; for HTTP, the address that was asked. */
            at: string;
            /** @enum {string} */
            type: "CNAME" | "A" | "AAAA" | "TXT" | "HTTP";
            name: string;
            /** @description Empty: there is none. */
            values: string[];
            /** @description Why there is no answer. */
            fault: string | null;
        };
        /**
         * @example {
         *       "number": 2,
         *       "action": "distribution.update",
         *       "user_id": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "api_token_id": null,
         *       "created_at": "2026-11-20T12:00:00.000Z",
         *       "changes": [
         *         {
         *           "pointer": "/settings/label",
         *           "before": "www.example.com",
         *           "after": "Shop"
         *         }
         *       ]
         *     }
         */
        Version: {
            /** @description Counts from 1; each change adds one. */
            number: number;
            /** @description `noun.verb`: what made this version. */
            action: string;
            /** @description Whose change it was; null: the platform's. */
            user_id: string | null;
            /** @description The API token that asked for it; null: a session did. */
            api_token_id: string | null;
            created_at: string;
            /** @description Against the version before. */
            changes: components["schemas"]["Difference"][];
        };
        /**
         * @example {
         *       "from": 1,
         *       "to": 2,
         *       "changes": [
         *         {
         *           "pointer": "/settings/label",
         *           "before": "www.example.com",
         *           "after": "Shop"
         *         }
         *       ]
         *     }
         */
        VersionDiff: {
            from: number;
            to: number;
            changes: components["schemas"]["Difference"][];
        };
        /**
         * @example {
         *       "id": "5b0a3f1e-7f0e-4c52-9f7e-2d9f3c1a6b77",
         *       "url": "https://hooks.example.com/edgewright",
         *       "description": "Tells the people on duty",
         *       "events": [
         *         "certificate.expiring",
         *         "certificate.failed"
         *       ],
         *       "is_enabled": true,
         *       "disabled_reason": null,
         *       "failing_since": null,
         *       "former_secret_until": null,
         *       "created_by": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
         *       "updated_by": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "updated_at": "2026-03-01T12:00:00.000Z"
         *     }
         */
        Webhook: {
            /** Format: uuid */
            id: string;
            url: string;
            description: string;
            events: string[];
            is_enabled: boolean;
            /** @description In words, when the platform disabled it. */
            disabled_reason: string | null;
            /** @description The first of the failures since the last success. */
            failing_since: string | null;
            /** @description Until then deliveries are signed with the former secret, too. */
            former_secret_until: string | null;
            created_by: string | null;
            /** @description Null: the platform itself. */
            updated_by: string | null;
            created_at: string;
            updated_at: string;
        };
        /**
         * @example {
         *       "id": "e1b2c3d4-0a1b-4c2d-8e3f-4a5b6c7d8e9f",
         *       "webhook_id": "5b0a3f1e-7f0e-4c52-9f7e-2d9f3c1a6b77",
         *       "event": "certificate.expiring",
         *       "status": "delivered",
         *       "attempts": [
         *         {
         *           "at": "2026-03-01T12:00:00.000Z",
         *           "status_code": 204,
         *           "error": null,
         *           "ms": 81
         *         }
         *       ],
         *       "next_attempt_at": null,
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "finished_at": "2026-03-01T12:00:00.081Z"
         *     }
         */
        WebhookDelivery: {
            /**
             * Format: uuid
             * @description As in the header `webhook-id`: the same each time that it is sent.
             */
            id: string;
            /** Format: uuid */
            webhook_id: string;
            event: string;
            /** @enum {string} */
            status: "pending" | "delivered" | "failed";
            /** @description The latest last. */
            attempts: {
                at: string;
                status_code: number | null;
                error: string | null;
                ms: number;
            }[];
            next_attempt_at: string | null;
            created_at: string;
            finished_at: string | null;
        };
        /**
         * @example {
         *       "url": "https://hooks.example.com/edgewright",
         *       "description": "Tells the people on duty",
         *       "events": [
         *         "certificate.expiring"
         *       ]
         *     }
         */
        WebhookInput: {
            /** @description Where deliveries are posted to: https, without user and password. Redirects are not followed; addresses of private networks are refused. */
            url: string;
            /** @default  */
            description?: string | "";
            /** @description `*`: all, and those that are still to come. */
            events: ("*" | "certificate.expiring" | "certificate.issued" | "certificate.failed" | "domain.pointing" | "domain.not-pointing" | "domain.won" | "domain.lost" | "distribution.moved" | "usage.warning" | "usage.exceeded" | "alert.raised" | "alert.resolved" | "webhook.disabled")[];
            /** @default true */
            is_enabled?: boolean;
        };
        /**
         * @example {
         *       "is_enabled": true
         *     }
         */
        WebhookPatch: {
            /** @description Where deliveries are posted to: https, without user and password. Redirects are not followed; addresses of private networks are refused. */
            url?: string;
            description?: string | "";
            /** @description `*`: all, and those that are still to come. */
            events?: ("*" | "certificate.expiring" | "certificate.issued" | "certificate.failed" | "domain.pointing" | "domain.not-pointing" | "domain.won" | "domain.lost" | "distribution.moved" | "usage.warning" | "usage.exceeded" | "alert.raised" | "alert.resolved" | "webhook.disabled")[];
            is_enabled?: boolean;
        };
        /**
         * @example {
         *       "overlap_hours": 24
         *     }
         */
        WebhookSecretRotation: {
            /**
             * @description For how long deliveries are signed with the former secret beside the new one.
             * @default 24
             */
            overlap_hours?: number;
        };
        /**
         * @example {
         *       "id": "5b0a3f1e-7f0e-4c52-9f7e-2d9f3c1a6b77",
         *       "url": "https://hooks.example.com/edgewright",
         *       "description": "Tells the people on duty",
         *       "events": [
         *         "certificate.expiring",
         *         "certificate.failed"
         *       ],
         *       "is_enabled": true,
         *       "disabled_reason": null,
         *       "failing_since": null,
         *       "former_secret_until": null,
         *       "created_by": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
         *       "updated_by": "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "updated_at": "2026-03-01T12:00:00.000Z",
         *       "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDQ4x9QfL9vZk="
         *     }
         */
        WebhookWithSecret: {
            /** Format: uuid */
            id: string;
            url: string;
            description: string;
            events: string[];
            is_enabled: boolean;
            /** @description In words, when the platform disabled it. */
            disabled_reason: string | null;
            /** @description The first of the failures since the last success. */
            failing_since: string | null;
            /** @description Until then deliveries are signed with the former secret, too. */
            former_secret_until: string | null;
            created_by: string | null;
            /** @description Null: the platform itself. */
            updated_by: string | null;
            created_at: string;
            updated_at: string;
            /** @description Shown this once. Deliveries are signed with it as standardwebhooks.com says: any of its libraries verifies them. */
            secret: string;
        };
        /**
         * @example {
         *       "number": 2,
         *       "action": "distribution.update",
         *       "user_id": "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
         *       "api_token_id": null,
         *       "created_at": "2026-11-20T12:00:00.000Z",
         *       "changes": [
         *         {
         *           "pointer": "/settings/label",
         *           "before": "www.example.com",
         *           "after": "Shop"
         *         }
         *       ],
         *       "configuration": {
         *         "settings": {
         *           "label": "Shop",
         *           "description": "",
         *           "acceleration_type": "static",
         *           "origin_type": "custom",
         *           "host_header": "origin.example.com",
         *           "sni": "origin.example.com",
         *           "is_http2": true,
         *           "is_http3": true,
         *           "enable_ssl": true,
         *           "is_livestream": false,
         *           "is_redirect_http_to_https": false,
         *           "cache_policy_id": null,
         *           "cors": null,
         *           "hsts": null,
         *           "compression": {
         *             "gzip": true,
         *             "brotli": true
         *           },
         *           "edge_group_ids": null,
         *           "le_issue": true,
         *           "certificate_id": "3f6e1a7c-9b2d-4c58-8f10-6a5b4c3d2e1f"
         *         },
         *         "origins": [
         *           {
         *             "id": "6f1c2d3e-4b5a-4c6d-8e7f-9a0b1c2d3e4f",
         *             "label": "origin-1",
         *             "url": "https://origin.example.com",
         *             "type": "custom",
         *             "load_balancer_type": "failover",
         *             "port": 443,
         *             "protocol": "https",
         *             "is_primary": true,
         *             "weight": 1,
         *             "host_header": "origin.example.com",
         *             "is_tls_verified": true,
         *             "connect_timeout_seconds": 5,
         *             "read_timeout_seconds": 30,
         *             "health_check": null,
         *             "s3_type": null,
         *             "s3_style": null,
         *             "s3_region": null,
         *             "s3_bucket_name": null,
         *             "s3_storage_hostname": null,
         *             "s3_access_key_id": null,
         *             "s3_secret_id": null
         *           }
         *         ],
         *         "rules": {
         *           "cache_rule": [
         *             {
         *               "id": "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
         *               "paths": [
         *                 "/images/*"
         *               ],
         *               "extensions": [
         *                 "jpg",
         *                 "png",
         *                 "webp"
         *               ],
         *               "content_types": [
         *                 "image/"
         *               ],
         *               "mode": "override",
         *               "ttl_seconds": 86400,
         *               "ttl_max_seconds": null,
         *               "ttl_by_status": {
         *                 "404": 60,
         *                 "5xx": 0
         *               },
         *               "browser_ttl_seconds": 3600,
         *               "is_private_overridden": false,
         *               "query": {
         *                 "mode": "include",
         *                 "names": [
         *                   "width"
         *                 ]
         *               },
         *               "cookies": [],
         *               "headers": [],
         *               "is_sliced": false,
         *               "stale_while_revalidate_seconds": 60,
         *               "stale_if_error_seconds": 86400,
         *               "description": "Pictures change with their URL"
         *             }
         *           ]
         *         }
         *       }
         *     }
         */
        WholeVersion: {
            /** @description Counts from 1; each change adds one. */
            number: number;
            /** @description `noun.verb`: what made this version. */
            action: string;
            /** @description Whose change it was; null: the platform's. */
            user_id: string | null;
            /** @description The API token that asked for it; null: a session did. */
            api_token_id: string | null;
            created_at: string;
            /** @description Against the version before. */
            changes: components["schemas"]["Difference"][];
            configuration: components["schemas"]["Configuration"];
        };
        /**
         * @example {
         *       "id": "e1b2c3d4-0a1b-4c2d-8e3f-4a5b6c7d8e9f",
         *       "webhook_id": "5b0a3f1e-7f0e-4c52-9f7e-2d9f3c1a6b77",
         *       "event": "certificate.expiring",
         *       "status": "delivered",
         *       "attempts": [
         *         {
         *           "at": "2026-03-01T12:00:00.000Z",
         *           "status_code": 204,
         *           "error": null,
         *           "ms": 81
         *         }
         *       ],
         *       "next_attempt_at": null,
         *       "created_at": "2026-03-01T12:00:00.000Z",
         *       "finished_at": "2026-03-01T12:00:00.081Z",
         *       "body": "{\"type\":\"certificate.expiring\",\"timestamp\":\"2026-03-01T12:00:00.000Z\",\"data\":{\"days_left\":7}}"
         *     }
         */
        WholeWebhookDelivery: {
            /**
             * Format: uuid
             * @description As in the header `webhook-id`: the same each time that it is sent.
             */
            id: string;
            /** Format: uuid */
            webhook_id: string;
            event: string;
            /** @enum {string} */
            status: "pending" | "delivered" | "failed";
            /** @description The latest last. */
            attempts: {
                at: string;
                status_code: number | null;
                error: string | null;
                ms: number;
            }[];
            next_attempt_at: string | null;
            created_at: string;
            finished_at: string | null;
            /** @description What is posted. */
            body: string;
        };
        /** @description RFC 9457. `type` is for programs, `detail` for people. */
        Problem: {
            /** Format: uri */
            type: string;
            title: string;
            status: number;
            detail: string;
            /** Format: uri */
            instance?: string;
            errors?: {
                /** @description RFC 6901 into the body; `?name` for the query, `:name` for the path. */
                pointer: string;
                detail: string;
            }[];
        };
    };
    responses: {
        /** @description You have it already */
        304: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                ETag: components["headers"]["ETag"];
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description You have it already */
        304.2: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                ETag: components["headers"]["ETag"];
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The request cannot be read */
        "400.malformed-request": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:malformed-request";
                };
            };
        };
        /** @description Who are you? */
        "401.unauthenticated": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unauthenticated";
                };
            };
        };
        /** @description The code is not right · Not allowed · The password is not right · Log in again for this */
        "403.code-wrong.forbidden.password-wrong.recent-login-required": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:code-wrong" | "urn:edgewright:problem:forbidden" | "urn:edgewright:problem:password-wrong" | "urn:edgewright:problem:recent-login-required";
                };
            };
        };
        /** @description Not allowed */
        "403.forbidden": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:forbidden";
                };
            };
        };
        /** @description Not allowed · The password is not right · Log in again for this */
        "403.forbidden.password-wrong.recent-login-required": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:forbidden" | "urn:edgewright:problem:password-wrong" | "urn:edgewright:problem:recent-login-required";
                };
            };
        };
        /** @description No such account */
        "404.unknown-account": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-account";
                };
            };
        };
        /** @description There is no such alert */
        "404.unknown-alert": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-alert";
                };
            };
        };
        /** @description No such API token */
        "404.unknown-api-token": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-api-token";
                };
            };
        };
        /** @description There is no such cache policy */
        "404.unknown-cache-policy": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-cache-policy";
                };
            };
        };
        /** @description There is no such certificate */
        "404.unknown-certificate": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-certificate";
                };
            };
        };
        /** @description There is no such distribution */
        "404.unknown-distribution": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-distribution";
                };
            };
        };
        /** @description There is no such distribution · There is no such origin */
        "404.unknown-distribution.unknown-origin": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-distribution" | "urn:edgewright:problem:unknown-origin";
                };
            };
        };
        /** @description There is no such distribution · There is no such rule */
        "404.unknown-distribution.unknown-rule": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-distribution" | "urn:edgewright:problem:unknown-rule";
                };
            };
        };
        /** @description There is no such distribution · There is no such version */
        "404.unknown-distribution.unknown-version": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-distribution" | "urn:edgewright:problem:unknown-version";
                };
            };
        };
        /** @description There is no such edge */
        "404.unknown-edge": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-edge";
                };
            };
        };
        /** @description There is no such edge group */
        "404.unknown-edge-group": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-edge-group";
                };
            };
        };
        /** @description No such invitation */
        "404.unknown-invitation": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-invitation";
                };
            };
        };
        /** @description No such member */
        "404.unknown-member": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-member";
                };
            };
        };
        /** @description Nothing was counted in that month */
        "404.unknown-month": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-month";
                };
            };
        };
        /** @description There is no such rollout */
        "404.unknown-rollout": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-rollout";
                };
            };
        };
        /** @description No such session */
        "404.unknown-session": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-session";
                };
            };
        };
        /** @description No such user */
        "404.unknown-user": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-user";
                };
            };
        };
        /** @description There is no such webhook */
        "404.unknown-webhook": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unknown-webhook";
                };
            };
        };
        /** @description Another group is the canary · Another edge group has this name · The first request still runs */
        "409.another-canary-group.edge-group-name-taken.idempotency-key-in-use": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:another-canary-group" | "urn:edgewright:problem:edge-group-name-taken" | "urn:edgewright:problem:idempotency-key-in-use";
                };
            };
        };
        /** @description The distribution was deleted */
        "409.distribution-deleted": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:distribution-deleted";
                };
            };
        };
        /** @description The distribution was deleted · The first request still runs */
        "409.distribution-deleted.idempotency-key-in-use": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:distribution-deleted" | "urn:edgewright:problem:idempotency-key-in-use";
                };
            };
        };
        /** @description The distribution was deleted · The first request still runs · The distribution has no room for another rule */
        "409.distribution-deleted.idempotency-key-in-use.too-many-rules": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:distribution-deleted" | "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:too-many-rules";
                };
            };
        };
        /** @description The first request still runs */
        "409.idempotency-key-in-use": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:idempotency-key-in-use";
                };
            };
        };
        /** @description The first request still runs · The rollout is over */
        "409.idempotency-key-in-use.rollout-over": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:rollout-over";
                };
            };
        };
        /** @description Somebody has this name or address already */
        "409.identity-taken": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:identity-taken";
                };
            };
        };
        /** @description An account keeps at least one owner */
        "409.last-owner": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:last-owner";
                };
            };
        };
        /** @description There is no authenticator */
        "409.totp-not-on": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:totp-not-on";
                };
            };
        };
        /** @description The link was used already, or is too old */
        "410.link-expired": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:link-expired";
                };
            };
        };
        /** @description It has changed since you read it */
        "412.precondition-failed": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:precondition-failed";
                };
            };
        };
        /** @description The body is too large */
        "413.content-too-large": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:content-too-large";
                };
            };
        };
        /** @description The body has a wrong type */
        "415.unsupported-media-type": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:unsupported-media-type";
                };
            };
        };
        /** @description The key stands for another request · The request has faults */
        "422.idempotency-key-reused.invalid-request": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:idempotency-key-reused" | "urn:edgewright:problem:invalid-request";
                };
            };
        };
        /** @description The request has faults */
        "422.invalid-request": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:invalid-request";
                };
            };
        };
        /** @description The request has faults */
        "422.invalid-request.2": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:invalid-request";
                };
            };
        };
        /** @description The request has faults · The report asks for too much at once */
        "422.invalid-request.report-too-large": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:invalid-request" | "urn:edgewright:problem:report-too-large";
                };
            };
        };
        /** @description Another certificate was asked for just now · Too many requests */
        "429.certificate-asked-for.too-many-requests": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:certificate-asked-for" | "urn:edgewright:problem:too-many-requests";
                };
            };
        };
        /** @description Too many invitations · Too many requests */
        "429.too-many-invitations.too-many-requests": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:too-many-invitations" | "urn:edgewright:problem:too-many-requests";
                };
            };
        };
        /** @description Too many requests */
        "429.too-many-requests": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:too-many-requests";
                };
            };
        };
        /** @description Too many requests · Too many codes were wrong */
        "429.too-many-requests.totp-locked": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:too-many-requests" | "urn:edgewright:problem:totp-locked";
                };
            };
        };
        /** @description Something is broken on our side */
        "500.internal-error": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:internal-error";
                };
            };
        };
        /** @description Something is broken on our side */
        "500.internal-error.2": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:internal-error";
                };
            };
        };
        /** @description A service this needs is away · Too many people log in at once · This server is stopping */
        "503.dependency-unavailable.passwords-busy.server-stopping": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:dependency-unavailable" | "urn:edgewright:problem:passwords-busy" | "urn:edgewright:problem:server-stopping";
                };
            };
        };
        /** @description A service this needs is away · This server is stopping */
        "503.dependency-unavailable.server-stopping": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:dependency-unavailable" | "urn:edgewright:problem:server-stopping";
                };
            };
        };
        /** @description A service this needs is away · This server is stopping */
        "503.dependency-unavailable.server-stopping.2": {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:edgewright:problem:dependency-unavailable" | "urn:edgewright:problem:server-stopping";
                };
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: {
        /** @description Finds this request in the logs; the caller's own when it sent a sane one. */
        "X-Request-Id": string;
        /** @description The tag of this very representation, for If-None-Match and If-Match. */
        ETag: string;
        /** @description Where what was created is read, when it has a place of its own. */
        Location: string;
        /** @description Requests in a window. */
        "RateLimit-Limit": number;
        /** @description Requests that are left in this window. */
        "RateLimit-Remaining": number;
        /** @description Seconds until the window ends. */
        "RateLimit-Reset": number;
        /** @description The limit and its window in seconds, as `100;w=60`. */
        "RateLimit-Policy": string;
        /** @description Seconds after which another try makes sense. */
        "Retry-After": number;
        /** @description The scheme that would do. */
        "WWW-Authenticate": string;
        /** @description `true`: the answer of the first request with this Idempotency-Key; nothing was done again. */
        "Idempotency-Replayed": "true";
        /** @description `wait`: the outcome was waited for (RFC 7240). */
        "Preference-Applied": "wait";
        /** @description Since when this is not to be used any more (RFC 9745). */
        Deprecation: string;
        /** @description When it will be gone (RFC 8594). */
        Sunset: string;
        /** @description With rel=deprecation: what to use instead. */
        Link: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description The account is still in use */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:account-in-use";
                    };
                };
            };
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountPatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listInvitations: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                status?: "pending" | "accepted" | "declined" | "revoked" | "expired";
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Invitation"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createInvitation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvitationInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invitation"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description Has an invitation already · Belongs to the account already · The first request still runs */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:already-invited" | "urn:edgewright:problem:already-member" | "urn:edgewright:problem:idempotency-key-in-use";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-invitations.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    revokeInvitation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-invitation"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    resendInvitation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invitation"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-invitation"];
            409: components["responses"]["409.idempotency-key-in-use"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-invitations.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listMembers: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Member"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    removeMember: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
            };
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-member"];
            409: components["responses"]["409.last-owner"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateMember: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
            };
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MemberPatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-member"];
            409: components["responses"]["409.last-owner"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    transferAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountTransfer"];
            };
        };
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            409: components["responses"]["409.idempotency-key-in-use"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listAccounts: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AccountOfUser"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountOfUser"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description The first request still runs · You own as many accounts as one person may */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:too-many-accounts";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listAlerts: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                distribution_id?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Alert"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createAlert: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AlertInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alert"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description The first request still runs · The account has too many alerts */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:too-many-alerts";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getAlert: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alert"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-alert"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteAlert: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-alert"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateAlert: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AlertPatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alert"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-alert"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listAlertEvents: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                kind?: "raised" | "resolved" | "tested";
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AlertEvent"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-alert"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    testAlert: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertEvent"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-alert"];
            409: components["responses"]["409.idempotency-key-in-use"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            /** @description Too many tests of alerts · Too many requests */
            429: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:too-many-alert-tests" | "urn:edgewright:problem:too-many-requests";
                    };
                };
            };
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listApiTokens: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["ApiToken"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createApiToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApiTokenInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedApiToken"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description The first request still runs · You have as many API tokens as one may */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:too-many-api-tokens";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getApiToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiToken"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-api-token"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    revokeApiToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-api-token"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listAudit: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                action?: string;
                resource_type?: string;
                resource_id?: string;
                user_id?: string;
                api_token_id?: string;
                from?: string;
                to?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AuditEntry"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    changePassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordChange"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden.password-wrong.recent-login-required"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.passwords-busy.server-stopping"];
        };
    };
    forgetPassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordForgotten"];
            };
        };
        responses: {
            /** @description Done, nothing to say */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400.malformed-request"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listIdentities: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Identities"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    removeIdentity: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description No such identity */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:unknown-identity";
                    };
                };
            };
            /** @description It is the only way in */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:last-way-in";
                    };
                };
            };
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    logIn: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Login"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            /** @description The log-in is not right · The code is not right · A code of your authenticator is needed */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:login-refused" | "urn:edgewright:problem:totp-refused" | "urn:edgewright:problem:totp-required";
                    };
                };
            };
            403: components["responses"]["403.forbidden"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests.totp-locked"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.passwords-busy.server-stopping"];
        };
    };
    logOut: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-session"];
            409: components["responses"]["409.idempotency-key-in-use"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    logInWithOpenId: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OpenIdLogin"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            /** @description The code is not right · A code of your authenticator is needed */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:totp-refused" | "urn:edgewright:problem:totp-required";
                    };
                };
            };
            403: components["responses"]["403.forbidden"];
            410: components["responses"]["410.link-expired"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests.totp-locked"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getProfile: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateProfile: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProfileInput"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden.password-wrong.recent-login-required"];
            409: components["responses"]["409.identity-taken"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.passwords-busy.server-stopping"];
        };
    };
    register: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Registration"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Registered"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            409: components["responses"]["409.identity-taken"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.passwords-busy.server-stopping"];
        };
    };
    resetPassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordReset"];
            };
        };
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400.malformed-request"];
            410: components["responses"]["410.link-expired"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.passwords-busy.server-stopping"];
        };
    };
    listSessions: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Session"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    endSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-session"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    linkEthereum: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EthereumLink"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Identity"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            /** @description The wallet's word is not right · Who are you? */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:ethereum-refused" | "urn:edgewright:problem:unauthenticated";
                    };
                };
            };
            403: components["responses"]["403.forbidden.password-wrong.recent-login-required"];
            /** @description The first request still runs · Somebody has this name or address already · There are too many identities */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:identity-taken" | "urn:edgewright:problem:too-many-identities";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.passwords-busy.server-stopping"];
        };
    };
    logInWithEthereum: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EthereumLogin"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            /** @description The wallet's word is not right · The code is not right · A code of your authenticator is needed */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:ethereum-refused" | "urn:edgewright:problem:totp-refused" | "urn:edgewright:problem:totp-required";
                    };
                };
            };
            403: components["responses"]["403.forbidden"];
            409: components["responses"]["409.identity-taken"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests.totp-locked"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    giveEthereumNonce: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EthereumNonce"];
                };
            };
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getTotp: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Totp"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    enrolTotp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TotpEnrolment"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TotpEnrolled"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden.password-wrong.recent-login-required"];
            /** @description There is an authenticator already */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:totp-already-on";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.passwords-busy.server-stopping"];
        };
    };
    confirmTotp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TotpConfirmation"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecoveryCodes"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            /** @description The code is not right · Not allowed */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:code-wrong" | "urn:edgewright:problem:forbidden";
                    };
                };
            };
            /** @description There is an authenticator already · There is no authenticator */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:totp-already-on" | "urn:edgewright:problem:totp-not-on";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    disableTotp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TotpOwner"];
            };
        };
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.code-wrong.forbidden.password-wrong.recent-login-required"];
            409: components["responses"]["409.totp-not-on"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests.totp-locked"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.passwords-busy.server-stopping"];
        };
    };
    renewRecoveryCodes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TotpOwner"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecoveryCodes"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.code-wrong.forbidden.password-wrong.recent-login-required"];
            409: components["responses"]["409.totp-not-on"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests.totp-locked"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.passwords-busy.server-stopping"];
        };
    };
    verifyToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Recognised"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    verifyEmail: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmailVerification"];
            };
        };
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400.malformed-request"];
            410: components["responses"]["410.link-expired"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    sendEmailVerification: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description The first request still runs · There is no address to confirm */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:nothing-to-verify";
                    };
                };
            };
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listCachePolicies: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["CachePolicy"][];
                        next_cursor: null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createCachePolicy: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CachePolicyInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CachePolicy"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description Another policy has this name · The first request still runs · The account has too many policies */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:cache-policy-name-taken" | "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:too-many-cache-policies";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getCachePolicy: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CachePolicy"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-cache-policy"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteCachePolicy: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-cache-policy"];
            /** @description A built-in policy cannot be changed · Distributions use this cache policy */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:built-in-cache-policy" | "urn:edgewright:problem:cache-policy-in-use";
                    };
                };
            };
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateCachePolicy: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CachePolicyPatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CachePolicy"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-cache-policy"];
            /** @description A built-in policy cannot be changed · Another policy has this name */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:built-in-cache-policy" | "urn:edgewright:problem:cache-policy-name-taken";
                    };
                };
            };
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listCertificates: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                status?: "pending" | "active" | "failed" | "revoked";
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Certificate"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createCertificate: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CertificateInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description The first request still runs · The account has as many as it may */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:too-many-certificates";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getCertificate: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-certificate"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteCertificate: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-certificate"];
            /** @description Distributions are served with the certificate */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:certificate-in-use";
                    };
                };
            };
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateCertificate: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CertificatePatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-certificate"];
            /** @description The certificate is renewed by itself */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:certificate-automatic";
                    };
                };
            };
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    renewCertificate: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-certificate"];
            /** @description The certificate was uploaded · The first request still runs */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:certificate-uploaded" | "urn:edgewright:problem:idempotency-key-in-use";
                    };
                };
            };
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.certificate-asked-for.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    revokeCertificate: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CertificateRevocation"];
            };
        };
        responses: {
            /** @description Done */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-certificate"];
            /** @description The certificate was uploaded · The first request still runs · There is no certificate to revoke */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:certificate-uploaded" | "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:nothing-to-revoke";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.certificate-asked-for.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listDeploymentRollouts: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["DeploymentRollout"][];
                        next_cursor: null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getDeploymentRollout: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeploymentRollout"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-rollout"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    continueDeploymentRollout: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeploymentRollout"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-rollout"];
            409: components["responses"]["409.idempotency-key-in-use.rollout-over"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    stopDeploymentRollout: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeploymentRollout"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-rollout"];
            409: components["responses"]["409.idempotency-key-in-use.rollout-over"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listDistributions: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                sort?: "-created_at" | "created_at" | "-updated_at" | "updated_at" | "label" | "-label" | "domain" | "-domain";
                status?: "pending" | "deploying" | "active" | "failed" | "disabled" | "deleting" | "deleted";
                acceleration_type?: "static" | "media" | "livestream" | "diy";
                type?: "gotipath" | "gcore" | "tm_swift" | "multi";
                domain?: string;
                search?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Distribution"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createDistribution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DistributionInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Distribution"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description Your account uses this domain already · The first request still runs · The account has as many distributions as it may */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:domain-already-used" | "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:too-many-distributions";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getDistribution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Distribution"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteDistribution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Distribution"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateDistribution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DistributionPatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Distribution"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listAccessRules: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AccessRule"][];
                        next_cursor: null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    replaceAccessRules: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccessRuleList"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AccessRule"][];
                        next_cursor: null;
                    };
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createAccessRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccessRuleInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessRule"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted.idempotency-key-in-use.too-many-rules"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getAccessRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessRule"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteAccessRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateAccessRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccessRulePatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessRule"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listCacheRules: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["CacheRule"][];
                        next_cursor: null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    replaceCacheRules: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CacheRuleList"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["CacheRule"][];
                        next_cursor: null;
                    };
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createCacheRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CacheRuleInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CacheRule"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted.idempotency-key-in-use.too-many-rules"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getCacheRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CacheRule"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteCacheRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateCacheRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CacheRulePatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CacheRule"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    cloneDistribution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CloneInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Distribution"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            /** @description The distribution was deleted · Your account uses this domain already · The first request still runs · The account has as many distributions as it may */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:distribution-deleted" | "urn:edgewright:problem:domain-already-used" | "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:too-many-distributions";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getDeployment: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deployment"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    disableDistribution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Distribution"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted.idempotency-key-in-use"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    enableDistribution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Distribution"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted.idempotency-key-in-use"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listHeaderRules: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["HeaderRule"][];
                        next_cursor: null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    replaceHeaderRules: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HeaderRuleList"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["HeaderRule"][];
                        next_cursor: null;
                    };
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createHeaderRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HeaderRuleInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HeaderRule"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted.idempotency-key-in-use.too-many-rules"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getHeaderRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HeaderRule"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteHeaderRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateHeaderRule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HeaderRulePatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HeaderRule"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listOrigins: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Origin"][];
                        next_cursor: null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createOrigin: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OriginInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Origin"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            /** @description The distribution was deleted · The first request still runs · The distribution has as many origins as it may */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:distribution-deleted" | "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:too-many-origins";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getOrigin: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
                origin_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Origin"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-origin"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteOrigin: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                origin_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-origin"];
            /** @description The distribution was deleted · A distribution needs an origin */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:distribution-deleted" | "urn:edgewright:problem:last-origin";
                    };
                };
            };
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateOrigin: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                origin_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OriginPatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Origin"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-origin"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createPrefetch: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PrefetchInput"];
            };
        };
        responses: {
            /** @description Done */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Prefetch"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted.idempotency-key-in-use"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listPurges: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["ListedPurge"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createPurge: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PurgeInput"];
            };
        };
        responses: {
            /** @description Done */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Purge"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted.idempotency-key-in-use"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getPurge: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
                purge_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Purge"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description There is no such distribution · There is no such purge */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:unknown-distribution" | "urn:edgewright:problem:unknown-purge";
                    };
                };
            };
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listRateLimits: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["RateLimit"][];
                        next_cursor: null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    replaceRateLimits: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RateLimitList"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["RateLimit"][];
                        next_cursor: null;
                    };
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createRateLimit: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RateLimitInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RateLimit"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted.idempotency-key-in-use.too-many-rules"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getRateLimit: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RateLimit"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteRateLimit: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateRateLimit: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RateLimitPatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RateLimit"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listRedirects: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Redirect"][];
                        next_cursor: null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    replaceRedirects: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedirectList"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Redirect"][];
                        next_cursor: null;
                    };
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createRedirect: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedirectInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Redirect"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted.idempotency-key-in-use.too-many-rules"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getRedirect: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Redirect"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteRedirect: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateRedirect: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedirectPatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Redirect"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-rule"];
            409: components["responses"]["409.distribution-deleted"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    rollBackDistribution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
                /** @description `wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240). */
                Prefer?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RollbackInput"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Preference-Applied": components["headers"]["Preference-Applied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Distribution"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-version"];
            409: components["responses"]["409.distribution-deleted.idempotency-key-in-use"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    validateDistribution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Validation"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted"];
            422: components["responses"]["422.invalid-request"];
            /** @description Too many requests · It was looked at just now */
            429: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:too-many-requests" | "urn:edgewright:problem:validated-just-now";
                    };
                };
            };
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getValidation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Validation"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            409: components["responses"]["409.distribution-deleted"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listVersions: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Version"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getVersion: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WholeVersion"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-version"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    compareVersions: {
        parameters: {
            query: {
                against: number;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionDiff"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution.unknown-version"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listEdgeGroups: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["EdgeGroup"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createEdgeGroup: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EdgeGroupInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EdgeGroup"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            409: components["responses"]["409.another-canary-group.edge-group-name-taken.idempotency-key-in-use"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getEdgeGroup: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EdgeGroup"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-edge-group"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteEdgeGroup: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-edge-group"];
            /** @description The edge group is in use */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:edge-group-in-use";
                    };
                };
            };
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateEdgeGroup: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EdgeGroupPatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EdgeGroup"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-edge-group"];
            /** @description Another group is the canary · Another edge group has this name */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:another-canary-group" | "urn:edgewright:problem:edge-group-name-taken";
                    };
                };
            };
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createEnrolmentToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrolmentToken"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-edge-group"];
            409: components["responses"]["409.idempotency-key-in-use"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    rollBackEdgeGroup: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EdgeGroupRollback"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EdgeGroup"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description There is no such edge group · The group has no such version */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:unknown-edge-group" | "urn:edgewright:problem:unknown-group-version";
                    };
                };
            };
            409: components["responses"]["409.another-canary-group.edge-group-name-taken.idempotency-key-in-use"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    vacateEdgeGroup: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EdgeGroupVacation"];
            };
        };
        responses: {
            /** @description Done */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EdgeGroupVacated"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-edge-group"];
            409: components["responses"]["409.idempotency-key-in-use"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listEdgeGroupVersions: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["EdgeGroupVersion"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-edge-group"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listEdges: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                group_id?: string;
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Edge"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getEdge: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Edge"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-edge"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteEdge: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-edge"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateEdge: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EdgePatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Edge"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-edge"];
            /** @description Another edge of the group has this name */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:edge-name-taken";
                    };
                };
            };
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    acceptInvitation: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvitationToken"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountOfUser"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-invitation"];
            /** @description Belongs to the account already · The first request still runs */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:already-member" | "urn:edgewright:problem:idempotency-key-in-use";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    declineInvitation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvitationToken"];
            };
        };
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400.malformed-request"];
            404: components["responses"]["404.unknown-invitation"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getOpenApiDocument: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string;
                };
            };
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listPlatformAudit: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                action?: string;
                resource_type?: string;
                resource_id?: string;
                user_id?: string;
                api_token_id?: string;
                from?: string;
                to?: string;
                account_id?: string;
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AuditEntry"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listQuotas: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AccountQuota"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getQuotaOfAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                account_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountQuota"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-account"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    setQuota: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QuotaInput"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QuotaSet"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-account"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteQuota: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description No such account · The account has no quota of its own */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:unknown-account" | "urn:edgewright:problem:unknown-quota";
                    };
                };
            };
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getPlatformTraffic: {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                timezone?: string;
                interval?: "minute" | "5minutes" | "hour" | "day" | "month";
                metrics?: string;
                limit?: number;
                distribution_id?: string;
                edge_id?: string;
                provider?: string;
                country?: string;
                status?: string;
                cache_status?: string;
                protocol?: string;
                content_kind?: string;
                host?: string;
                format?: "json" | "csv" | "svg";
                account_id?: string;
                group_by?: "account_id" | "distribution_id" | "edge_id" | "provider" | "country" | "status" | "status_class" | "cache_status" | "protocol" | "content_kind" | "host";
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrafficReport"];
                    "text/csv": string;
                    "image/svg+xml": string;
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request.report-too-large"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listUsageOfAccounts: {
        parameters: {
            query: {
                month: string;
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["AccountUsage"][];
                        next_cursor: string | null;
                    };
                    "text/csv": string;
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-month"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listPointsOfPresence: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["PointOfPresence"][];
                        next_cursor: null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listProviders: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Provider"][];
                        next_cursor: null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getProvider: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                name: "gotipath" | "gcore" | "tm_swift";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Provider"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    putProvider: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                name: "gcore" | "tm_swift";
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProviderInput"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Provider"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listProviderLinks: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                resource?: string;
                distribution_id?: string;
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                name: "gcore" | "tm_swift";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["ProviderLink"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    putProviderLink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: "gcore" | "tm_swift";
                resource: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProviderLinkInput"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProviderLink"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description The distribution was deleted · The provider is not configured */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:distribution-deleted" | "urn:edgewright:problem:provider-not-configured";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteProviderLink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: "gcore" | "tm_swift";
                resource: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description There is no such link */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:unknown-provider-link";
                    };
                };
            };
            /** @description The provider is not configured */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:provider-not-configured";
                    };
                };
            };
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getQuota: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Quota"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-account"];
            422: components["responses"]["422.invalid-request.report-too-large"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getErrors: {
        parameters: {
            query?: {
                status?: ("4xx" | "5xx") | number;
                limit?: number;
                distribution_id?: string;
                from?: string;
                to?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorReport"];
                    "text/csv": string;
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request.report-too-large"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    watchTraffic: {
        parameters: {
            query?: {
                distribution_id?: string;
                seconds?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request"];
            /** @description Too many requests · Too many streams are open */
            429: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:too-many-requests" | "urn:edgewright:problem:too-many-streams";
                    };
                };
            };
            500: components["responses"]["500.internal-error"];
            /** @description A service this needs is away · This server has as many streams as it takes · This server is stopping */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:dependency-unavailable" | "urn:edgewright:problem:no-streams-left" | "urn:edgewright:problem:server-stopping";
                    };
                };
            };
        };
    };
    getTop: {
        parameters: {
            query: {
                by: "url" | "referrer" | "user_agent" | "error" | "host" | "country" | "status" | "status_class" | "cache_status" | "protocol" | "content_kind" | "edge" | "provider" | "distribution";
                order_by?: "requests" | "bytes";
                limit?: number;
                distribution_id?: string;
                from?: string;
                to?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TopReport"];
                    "text/csv": string;
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request.report-too-large"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getTraffic: {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                timezone?: string;
                interval?: "minute" | "5minutes" | "hour" | "day" | "month";
                metrics?: string;
                limit?: number;
                distribution_id?: string;
                edge_id?: string;
                provider?: string;
                country?: string;
                status?: string;
                cache_status?: string;
                protocol?: string;
                content_kind?: string;
                host?: string;
                format?: "json" | "csv" | "svg";
                group_by?: "distribution_id" | "edge_id" | "provider" | "country" | "status" | "status_class" | "cache_status" | "protocol" | "content_kind" | "host";
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrafficReport"];
                    "text/csv": string;
                    "image/svg+xml": string;
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-distribution"];
            422: components["responses"]["422.invalid-request.report-too-large"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listUsage: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["UsageMonth"][];
                        next_cursor: string | null;
                    };
                    "text/csv": string;
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request.report-too-large"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getUsage: {
        parameters: {
            query?: {
                by?: "day" | "distribution";
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                month: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageDetails"];
                    "text/csv": string;
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-month"];
            422: components["responses"]["422.invalid-request.report-too-large"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listUsers: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                platform_role?: "user" | "premium" | "moderator" | "admin";
                status?: "active" | "suspended";
                search?: string;
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["UserOfPlatform"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserDetails"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-user"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserPatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserDetails"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-user"];
            /** @description The platform keeps at least one admin */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:last-administrator";
                    };
                };
            };
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    suspendUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Suspension"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserDetails"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-user"];
            /** @description The first request still runs · The platform keeps at least one admin */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:last-administrator";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    unsuspendUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserDetails"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-user"];
            409: components["responses"]["409.idempotency-key-in-use"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listWebhooks: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Webhook"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookInput"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookWithSecret"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description The first request still runs · The account has too many webhooks */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:idempotency-key-in-use" | "urn:edgewright:problem:too-many-webhooks";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-webhook"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    deleteWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-webhook"];
            412: components["responses"]["412.precondition-failed"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    updateWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you read: when it has changed since, the answer is 412. */
                "If-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookPatch"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-webhook"];
            412: components["responses"]["412.precondition-failed"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    listWebhookDeliveries: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                status?: "pending" | "delivered" | "failed";
            };
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["WebhookDelivery"][];
                        next_cursor: string | null;
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-webhook"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    getWebhookDelivery: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path: {
                id: string;
                delivery_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WholeWebhookDelivery"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description There is no such delivery · There is no such webhook */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:unknown-delivery" | "urn:edgewright:problem:unknown-webhook";
                    };
                };
            };
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    rotateWebhookSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookSecretRotation"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookWithSecret"];
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-webhook"];
            409: components["responses"]["409.idempotency-key-in-use"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    testWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Which of your accounts is meant; without it, your first. */
                "X-Account-Id"?: string;
                /** @description A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            404: components["responses"]["404.unknown-webhook"];
            409: components["responses"]["409.idempotency-key-in-use"];
            422: components["responses"]["422.idempotency-key-reused.invalid-request"];
            /** @description Too many requests · Too many test deliveries */
            429: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:too-many-requests" | "urn:edgewright:problem:too-many-test-deliveries";
                    };
                };
            };
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    readFeedChanges: {
        parameters: {
            query: {
                feed_id: string;
                since: number;
                wait?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string;
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            /** @description The feed was made anew */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:another-feed";
                    };
                };
            };
            /** @description Changes that old are forgotten */
            410: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:changes-forgotten";
                    };
                };
            };
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            /** @description A service this needs is away · The feed is not ready · This server is stopping · Too many agents wait here */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:dependency-unavailable" | "urn:edgewright:problem:feed-not-ready" | "urn:edgewright:problem:server-stopping" | "urn:edgewright:problem:too-many-waiting";
                    };
                };
            };
        };
    };
    enrolEdge: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    token: string;
                    name: string;
                    csr: string;
                    capabilities: {
                        nginx: string;
                        http3: boolean;
                        http2_directive: boolean;
                        /** @default false */
                        balancer_keepalive?: boolean;
                        /** @default false */
                        brotli?: boolean;
                    };
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: uuid */
                        edge_id: string;
                        /** Format: uuid */
                        scope: string;
                        certificate: string;
                        ca_certificate: string;
                        feed_keys: {
                            [key: string]: string;
                        };
                    };
                };
            };
            400: components["responses"]["400.malformed-request"];
            /** @description This token enrols nobody */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:enrolment-token-refused";
                    };
                };
            };
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    readFeedKeys: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        feed_keys: {
                            id: string;
                            public_key: string;
                            endorsement: string | null;
                        }[];
                    };
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    readLogSalts: {
        parameters: {
            query?: {
                from?: string;
            };
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogSalts"];
                };
            };
            304: components["responses"]["304"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    sendLogs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-ndjson": string;
            };
        };
        responses: {
            /** @description Done, nothing to say */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    renewEdgeCertificate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    csr: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        certificate: string;
                    };
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    reportEdgeState: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    feed_id: string;
                    /** Format: uuid */
                    boot_id: string;
                    seq: number;
                    applied: number;
                    refused: {
                        /** @enum {string} */
                        kind: "document" | "structure" | "keyring" | "secret" | "purge" | "prefetch" | "certificate" | "node" | "shield" | "challenge";
                        /** Format: uuid */
                        id: string;
                        rev: number;
                        /** @enum {string} */
                        stage: "verify" | "persist" | "open" | "push" | "taste" | "reload" | "probe" | "crash";
                        message: string;
                    }[];
                    state_hash: string;
                    structure: number;
                    documents: number;
                    capabilities: {
                        nginx: string;
                        http3: boolean;
                        http2_directive: boolean;
                        /** @default false */
                        balancer_keepalive?: boolean;
                        /** @default false */
                        brotli?: boolean;
                    };
                    logs?: {
                        behind_since: number | null;
                        unsent_bytes: number;
                        lost_lines: number;
                        losses: {
                            at: number;
                            from: number;
                            to: number;
                            lines: number;
                        }[];
                    };
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        resync: boolean;
                    };
                };
            };
            400: components["responses"]["400.malformed-request"];
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            413: components["responses"]["413.content-too-large"];
            415: components["responses"]["415.unsupported-media-type"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            503: components["responses"]["503.dependency-unavailable.server-stopping"];
        };
    };
    readFeedSnapshot: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            401: components["responses"]["401.unauthenticated"];
            403: components["responses"]["403.forbidden"];
            422: components["responses"]["422.invalid-request"];
            429: components["responses"]["429.too-many-requests"];
            500: components["responses"]["500.internal-error"];
            /** @description A service this needs is away · The feed is not ready · This server is stopping */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        type?: "urn:edgewright:problem:dependency-unavailable" | "urn:edgewright:problem:feed-not-ready" | "urn:edgewright:problem:server-stopping";
                    };
                };
            };
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        status: "ok";
                    };
                };
            };
            304: components["responses"]["304.2"];
            422: components["responses"]["422.invalid-request.2"];
            500: components["responses"]["500.internal-error.2"];
            503: components["responses"]["503.dependency-unavailable.server-stopping.2"];
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain; version=0.0.4; charset=utf-8": string;
                };
            };
            422: components["responses"]["422.invalid-request.2"];
            500: components["responses"]["500.internal-error.2"];
            503: components["responses"]["503.dependency-unavailable.server-stopping.2"];
        };
    };
    getReady: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag of what you have: unchanged, the answer is 304. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {string} */
                        status: "ready" | "degraded" | "not_ready";
                        dependencies: {
                            name: string;
                            /** @enum {string} */
                            status: "ok" | "failed";
                            optional: boolean;
                            reason: string | null;
                            ms: number;
                        }[];
                    };
                };
            };
            304: components["responses"]["304.2"];
            422: components["responses"]["422.invalid-request.2"];
            500: components["responses"]["500.internal-error.2"];
            503: components["responses"]["503.dependency-unavailable.server-stopping.2"];
        };
    };
}
